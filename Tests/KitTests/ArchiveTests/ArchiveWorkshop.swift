import Archive
import Foundation
import Testing

/// A temporary folder where python3 makes archives, honest and malicious, and where they are unpacked.
final class ArchiveWorkshop {
    let folder: URL
    /// Lies beside the folder to unpack into: what a successful attack would change.
    let outside: URL
    private var count = 0

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("archive-\(UUID().uuidString)")
        outside = folder.appendingPathComponent("outside.txt")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("untouched".utf8).write(to: outside)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs `script` with `out` as the file to write, `outside` as the target of attacks, and helpers:
    /// `add(tar, name, data, **fields of TarInfo)`.
    func make(_ script: String) throws -> URL {
        count += 1
        let out = folder.appendingPathComponent("archive-\(count)")
        let prelude = """
            import io, os, stat, sys, tarfile, zipfile
            out, outside = sys.argv[1:3]
            def add(tar, name, data=b"", **fields):
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(data), 0o644
                for key, value in fields.items(): setattr(info, key, value)
                tar.addfile(info, io.BytesIO(data))

            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", prelude + script, out.path, outside.path]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "python3 made no archive")
        return out
    }

    /// Unpacks into a new folder and gives that folder.
    func extract(_ file: URL, limits: ArchiveLimits = ArchiveLimits()) throws -> URL {
        count += 1
        let target = folder.appendingPathComponent("target-\(count)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        try ArchiveReader.extract(file, into: target, limits: limits)
        return target
    }

    /// What unpacking says; nil if it was accepted. Whatever it says, nothing outside may have changed.
    func refusal(_ file: URL, limits: ArchiveLimits = ArchiveLimits()) throws -> ArchiveError? {
        let before = try names(in: folder).filter { !$0.hasPrefix("target-") }
        defer {
            #expect((try? String(contentsOf: outside, encoding: .utf8)) == "untouched")
            #expect((try? names(in: folder).filter { !$0.hasPrefix("target-") }) == before)
        }
        do { _ = try extract(file, limits: limits) } catch let error as ArchiveError { return error }
        return nil
    }

    private func names(in folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }
}
