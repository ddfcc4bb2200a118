import Archive
import Foundation
import Testing

@Suite("Unpacking") struct ArchiveReaderTests {
    let workshop: ArchiveWorkshop

    init() throws { workshop = try ArchiveWorkshop() }

    static let honest = """
        add(t, "app", type=tarfile.DIRTYPE, mode=0o755)
        add(t, "./app/run.sh", b"#!/bin/sh\\n", mode=0o755)
        add(t, "app//data/ünï.bin", bytes(range(256)) * 1000, mtime=1234567890)
        add(t, "app/link", type=tarfile.SYMTYPE, linkname="data/../run.sh")
        add(t, "app/same", type=tarfile.LNKTYPE, linkname="app/run.sh")
        add(t, "app/dangling", type=tarfile.SYMTYPE, linkname="nowhere/at/all")
        t.close()
        """

    @Test(
        "files, folders and links that stay inside come out, whatever the compression",
        arguments: [
            "t = tarfile.open(out, 'w', format=tarfile.USTAR_FORMAT)",
            "t = tarfile.open(out, 'w', format=tarfile.GNU_FORMAT)",
            "t = tarfile.open(out, 'w', format=tarfile.PAX_FORMAT)", "t = tarfile.open(out, 'w:gz')",
            "t = tarfile.open(out, 'w:bz2')", "t = tarfile.open(out, 'w:xz')",
        ])
    func tar(_ opening: String) throws {
        let target = try workshop.extract(try workshop.make(opening + "\n" + Self.honest))
        try checkHonest(target)
    }

    @Test("zstd comes out too")
    func zstd() throws {
        let file = try workshop.make(
            """
            import subprocess
            t = tarfile.open(out + ".tar", "w")
            \(Self.honest)
            subprocess.run(["zstd", "-q", "--rm", out + ".tar", "-o", out], check=True)
            """)
        try checkHonest(workshop.extract(file))
    }

    private func checkHonest(_ target: URL) throws {
        let files = FileManager.default
        let script = target.appendingPathComponent("app/run.sh").path
        #expect(try files.attributesOfItem(atPath: script)[.posixPermissions] as? Int == 0o755)
        let data = target.appendingPathComponent("app/data/ünï.bin")
        #expect(try Data(contentsOf: data).count == 256_000)
        #expect(
            try files.attributesOfItem(atPath: data.path)[.modificationDate] as? Date
                == Date(timeIntervalSince1970: 1_234_567_890))
        #expect(try files.destinationOfSymbolicLink(atPath: target.path + "/app/link") == "data/../run.sh")
        #expect(try String(contentsOfFile: target.path + "/app/same", encoding: .utf8) == "#!/bin/sh\n")
        #expect(try files.attributesOfItem(atPath: script)[.referenceCount] as? Int == 2)
    }

    @Test("zip archives come out with names, modes and links")
    func zip() throws {
        let file = try workshop.make(
            """
            z = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)
            z.writestr("src/", "")
            z.writestr("src/ünï.txt", "hello")
            i = zipfile.ZipInfo("src/run"); i.external_attr = 0o100755 << 16; z.writestr(i, "x")
            i = zipfile.ZipInfo("src/link"); i.external_attr = 0o120777 << 16; i.create_system = 3; z.writestr(i, "run")
            z.close()
            """)
        let target = try workshop.extract(file)
        #expect(try String(contentsOfFile: target.path + "/src/ünï.txt", encoding: .utf8) == "hello")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: target.path + "/src/link") == "run")
        let mode = try FileManager.default.attributesOfItem(atPath: target.path + "/src/run")[.posixPermissions]
        #expect(mode as? Int == 0o755)
    }

    @Test("a later entry replaces an earlier one, without writing through its links")
    func replaces() throws {
        let file = try workshop.make(
            """
            t = tarfile.open(out, "w")
            add(t, "a", b"one"); add(t, "b", type=tarfile.LNKTYPE, linkname="a"); add(t, "b", b"two")
            add(t, "c", type=tarfile.SYMTYPE, linkname="a"); add(t, "c", b"three")
            t.close()
            """)
        let target = try workshop.extract(file)
        let texts = try ["a", "b", "c"].map { try String(contentsOfFile: "\(target.path)/\($0)", encoding: .utf8) }
        #expect(texts == ["one", "two", "three"])
    }

    @Test("holes of sparse files count and come out")
    func sparse() throws {
        let file = try workshop.make(
            """
            import subprocess
            os.mkdir(out + ".d"); f = open(out + ".d/big", "wb"); f.seek(5_000_000); f.write(b"end"); f.truncate(9_000_000); f.close()
            subprocess.run(["tar", "--sparse", "-cf", out, "-C", out + ".d", "big"], check=True)
            """)
        let target = try workshop.extract(file)
        let data = try Data(contentsOf: target.appendingPathComponent("big"))
        #expect(data.count == 9_000_000 && data[5_000_000..<5_000_003] == Data("end".utf8))
        let error = try workshop.refusal(file, limits: ArchiveLimits(maximumBytes: 8_000_000))
        #expect(error == .tooLarge(limitBytes: 8_000_000))
    }

    @Test("what is no archive, cut off or damaged is refused with a sentence")
    func unreadable() throws {
        let whole = try workshop.make("t = tarfile.open(out, 'w:gz')\n" + Self.honest)
        let bytes = try Data(contentsOf: whole)
        var damaged = bytes
        for position in stride(from: 40, to: bytes.count, by: 7) { damaged[position] ^= 0x5A }
        let plain = try Data(contentsOf: workshop.make("t = tarfile.open(out, 'w')\n" + Self.honest))
        for content in [Data(), Data("FROM scratch\n".utf8)] {
            try content.write(to: whole)
            #expect(try workshop.refusal(whole) == .notAnArchive)
        }
        for content in [
            bytes.prefix(bytes.count / 2), damaged, plain.prefix(5000), Data([0x1F, 0x8B, 8, 0]),
            Data("PK\u{3}\u{4}xx".utf8),
        ] {
            try content.write(to: whole)
            guard case .unreadable(let reason) = try workshop.refusal(whole) else {
                Issue.record("accepted \(content.count) bytes")
                continue
            }
            #expect(!reason.isEmpty)
        }
    }

    @Test("a gzip file that contains no tar archive is refused")
    func onlyCompressed() throws {
        let file = try workshop.make("import gzip; open(out, 'wb').write(gzip.compress(b'FROM scratch' * 100))")
        guard case .unreadable = try workshop.refusal(file) else {
            Issue.record("accepted")
            return
        }
    }

    @Test("only an empty folder is unpacked into; a missing archive or folder is a system error")
    func folder() throws {
        let file = try workshop.make("t = tarfile.open(out, 'w')\n" + Self.honest)
        let full = try workshop.extract(file)
        #expect(throws: ArchiveError.folderNotEmpty) { try ArchiveReader.extract(file, into: full) }
        #expect(throws: ArchiveError.self) {
            try ArchiveReader.extract(file, into: full.appendingPathComponent("none"))
        }
        #expect(throws: ArchiveError.self) {
            try ArchiveReader.extract(full.appendingPathComponent("none"), into: full)
        }
        #expect(throws: ArchiveError.self) { try ArchiveReader.extract(full, into: full) }
    }

    @Test("a cancelled task stops unpacking")
    func cancelled() async throws {
        let file = try workshop.make("t = tarfile.open(out, 'w')\n" + Self.honest)
        let target = workshop.folder.appendingPathComponent("target-cancelled")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try ArchiveReader.extract(file, into: target)
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
