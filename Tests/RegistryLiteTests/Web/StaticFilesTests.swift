import Foundation
import Testing

@testable import RegistryLite

@Suite("Static files") struct StaticFilesTests {
    private static let share = try? ShareFolder()

    @Test("every file of the share folder is served with a type and a validator") func servesAll() throws {
        let folder = try #require(Self.share).staticFiles
        let files = try StaticFiles(folder: folder)
        let onDisk = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.contains(".") }
        #expect(Set(onDisk) == Set(files.files.keys))
        #expect(onDisk.count > 8)
        for name in onDisk {
            let answer = try #require(files.answer(for: "\(files.version)/\(name)"))
            #expect(answer.file.bytes == [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))))
            #expect(answer.isImmutable)
        }
    }

    @Test("a file of another version is served, and revalidated") func otherVersion() throws {
        let files = try StaticFiles(["css/a.css": Array("a{}".utf8)])
        #expect(files.answer(for: "\(files.version)/css/a.css")?.cacheControl == "public, max-age=31536000, immutable")
        #expect(files.answer(for: "000000000000/css/a.css")?.cacheControl == "no-cache")
        #expect(files.answer(for: "\(files.version)/css/a.css")?.file.contentType == "text/css; charset=utf-8")
    }

    @Test("the version and the validator follow the content") func versions() throws {
        let one = try StaticFiles(["a.css": [1]])
        let other = try StaticFiles(["a.css": [2]])
        #expect(one.version != other.version)
        #expect(one.files["a.css"]?.entityTag != other.files["a.css"]?.entityTag)
        #expect(one.version == (try StaticFiles(["a.css": [1]])).version)
    }

    @Test(
        "nothing but known names is found: no path reaches the file system",
        arguments: [
            "", "/", "v", "v/", "v/../a.css", "v/css/../a.css", "../../etc/passwd", "v//etc/passwd", "v/A.CSS",
            "v/a.css/", "v/%61.css", "v/a.css\u{0}.js",
        ])
    func unknownNames(_ path: String) throws {
        #expect(try StaticFiles(["a.css": [1]]).answer(for: path) == nil)
    }

    @Test("a file without a known type stops the start") func unknownType() {
        #expect(throws: StaticFiles.UnknownType.self) { try StaticFiles(["a.exe": [1]]) }
    }
}

@Suite("Share folder") struct ShareFolderTests {
    @Test("is looked for beside the program, never at a compiled-in path") func candidates() {
        #expect(
            ShareFolder.candidates(forProgramAt: "/usr/local/bin/RegistryLite") == [
                "/usr/local/share/registrylite", "/usr/local/bin/share/registrylite",
            ])
        #expect(
            ShareFolder.candidates(forProgramAt: "/bin/RegistryLite") == [
                "/share/registrylite", "/bin/share/registrylite",
            ])
        #expect(
            ShareFolder.candidates(forProgramAt: "/src/p/.build/x86/debug/RegistryLite").last
                == "/src/p/Sources/RegistryLite/Resources")
    }

    @Test("an installed copy wins, and a missing one names the places") func installed() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent(
            "share-\(ProcessInfo.processInfo.processIdentifier)")
        defer { try? FileManager.default.removeItem(at: root) }
        let share = root.appendingPathComponent("share/registrylite/Templates")
        try FileManager.default.createDirectory(at: share, withIntermediateDirectories: true)
        #expect(
            try ShareFolder(forProgramAt: root.path + "/bin/RegistryLite").path == root.path + "/share/registrylite")
        #expect(throws: ShareFolder.Missing.self) { try ShareFolder(forProgramAt: "/nowhere/at/all/RegistryLite") }
    }
}
