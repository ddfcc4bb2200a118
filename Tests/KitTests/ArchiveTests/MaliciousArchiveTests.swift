import Archive
import Foundation
import Testing

@Suite("Malicious archives") struct MaliciousArchiveTests {
    let workshop: ArchiveWorkshop

    init() throws { workshop = try ArchiveWorkshop() }

    @Test(
        "SEC-Archive extraction: refuses paths that leave the folder",
        arguments: [
            "../outside.txt", "/etc/passwd", "a/../../outside.txt", "a/..", "..", "./../x", "//x", "a/b/../../../x",
        ])
    func paths(_ name: String) throws {
        let tar = try workshop.make("t = tarfile.open(out, 'w'); add(t, '\(name)', b'evil'); t.close()")
        let zip = try workshop.make(
            "z = zipfile.ZipFile(out, 'w'); i = zipfile.ZipInfo('x'); i.filename = '\(name)'; z.writestr(i, 'evil'); z.close()"
        )
        for file in [tar, zip] {
            guard case .unsafePath = try workshop.refusal(file) else {
                Issue.record("\(name) was not refused as unsafe")
                continue
            }
        }
    }

    @Test("SEC-Archive extraction: refuses paths that are too long")
    func longPaths() throws {
        for name in ["'n' * 256", "'/'.join(['n' * 200] * 30)"] {
            let file = try workshop.make("t = tarfile.open(out, 'w'); add(t, \(name), b'x'); t.close()")
            guard case .pathTooLong = try workshop.refusal(file) else {
                Issue.record("\(name) was not refused as too long")
                continue
            }
        }
    }

    @Test(
        "SEC-Archive extraction: refuses links to the outside, also by way of other links",
        arguments: [
            "sym('a', '/etc/passwd')", "sym('a', '../outside.txt')", "sym('d/a', '../../outside.txt')",
            "sym('a', '..')",
            "sym('a', 'x/../../y')",
            // d/e/f is the root itself, so that "up from there" is outside although the text looks deep.
            "sym('d/e/f', '../..'); sym('g', 'd/e/f/../outside.txt')",
            "sym('g', 'd/e/f/..'); sym('d/e/f', '../../.')",
            "sym('one', 'two/..'); sym('two', 'three'); sym('three', '.')",
            "hard('a', '/etc/passwd')", "hard('a', '../outside.txt')", "hard('a', outside)",
        ])
    func links(_ script: String) throws {
        let file = try workshop.make(
            """
            t = tarfile.open(out, "w")
            def sym(name, target): add(t, name, type=tarfile.SYMTYPE, linkname=target)
            def hard(name, target): add(t, name, type=tarfile.LNKTYPE, linkname=target)
            \(script)
            t.close()
            """)
        guard case .linkLeadsOutside = try workshop.refusal(file) else {
            Issue.record("not refused as a link to the outside: \(script)")
            return
        }
    }

    @Test(
        "SEC-Archive extraction: a planted link can't redirect a later write",
        arguments: [
            // A folder that is really a link, then a file, a folder, a link or a hard link behind it.
            "sym('d', 'e'); add(t, 'd/file', b'evil')", "sym('d', '.'); add(t, 'd/file', b'evil')",
            "sym('d', 'e'); add(t, 'd/sub', type=tarfile.DIRTYPE)", "sym('d', 'e'); sym('d/l', 'x')",
            "add(t, 'd'); add(t, 'd/file', b'evil')", "sym('d', '.'); add(t, 'd', type=tarfile.DIRTYPE)",
            "add(t, 'e/f', b''); sym('d', 'e'); add(t, 'd/f', type=tarfile.LNKTYPE, linkname='e/f')",
        ])
    func planted(_ script: String) throws {
        let file = try workshop.make(
            """
            t = tarfile.open(out, "w")
            def sym(name, target): add(t, name, type=tarfile.SYMTYPE, linkname=target)
            \(script)
            t.close()
            """)
        guard case .parentIsNoFolder = try workshop.refusal(file) else {
            Issue.record("not refused as written through a link: \(script)")
            return
        }
    }

    @Test(
        "SEC-Archive extraction: hard links name plain files of the archive only",
        arguments: [
            "add(t, 'a', type=tarfile.LNKTYPE, linkname='missing')",
            "add(t, 'a', type=tarfile.LNKTYPE, linkname='no/such')",
            "add(t, 'd', type=tarfile.DIRTYPE); add(t, 'a', type=tarfile.LNKTYPE, linkname='d')",
            "add(t, 's', type=tarfile.SYMTYPE, linkname='x'); add(t, 'a', type=tarfile.LNKTYPE, linkname='s')",
            "add(t, 'a', type=tarfile.LNKTYPE, linkname='a/../')", "add(t, 'a', type=tarfile.LNKTYPE, linkname='.')",
        ])
    func hardLinks(_ script: String) throws {
        let file = try workshop.make("t = tarfile.open(out, 'w'); \(script); t.close()")
        switch try workshop.refusal(file) {
        case .badHardLink, .linkLeadsOutside: break
        case let other: Issue.record("\(script) was answered by \(String(describing: other))")
        }
    }

    @Test("SEC-Archive extraction: refuses devices and pipes", arguments: ["CHRTYPE", "BLKTYPE", "FIFOTYPE"])
    func devices(_ type: String) throws {
        let file = try workshop.make(
            "t = tarfile.open(out, 'w'); add(t, 'x', type=tarfile.\(type), devmajor=1, devminor=3); t.close()")
        guard case .forbiddenType(path: "x", _) = try workshop.refusal(file) else {
            Issue.record("\(type) was not refused")
            return
        }
    }

    @Test("SEC-Archive extraction: set-user-id, set-group-id and sticky bits are dropped")
    func setuid() throws {
        let file = try workshop.make(
            "t = tarfile.open(out, 'w'); add(t, 'x', b'x', mode=0o7755); add(t, 'd', type=tarfile.DIRTYPE, mode=0o7000); t.close()"
        )
        let target = try workshop.extract(file)
        let modes = try ["x", "d"].map {
            try FileManager.default.attributesOfItem(atPath: "\(target.path)/\($0)")[.posixPermissions] as? Int
        }
        #expect(modes == [0o755, 0o700])
    }

    @Test("SEC-Archive extraction: refuses too many entries, too many bytes and too high a ratio")
    func limits() throws {
        let many = try workshop.make(
            "t = tarfile.open(out, 'w:gz'); [add(t, 'f%d' % i) for i in range(101)]; t.close()")
        #expect(try workshop.refusal(many, limits: ArchiveLimits(maximumEntries: 100)) == .tooManyEntries(limit: 100))
        #expect(try workshop.refusal(many, limits: ArchiveLimits(maximumEntries: 101)) == nil)
        let large = try workshop.make(
            "t = tarfile.open(out, 'w'); add(t, 'a', b'x' * 600); add(t, 'b', b'x' * 401); t.close()")
        #expect(try workshop.refusal(large, limits: ArchiveLimits(maximumBytes: 1000)) == .tooLarge(limitBytes: 1000))
        #expect(try workshop.refusal(large, limits: ArchiveLimits(maximumBytes: 1001)) == nil)
        let bombs = [
            "t = tarfile.open(out, 'w:gz'); add(t, 'a', bytes(40 << 20)); t.close()",
            "z = zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED); [z.writestr(str(i), bytes(10 << 20)) for i in range(4)]; z.close()",
        ]
        for bomb in bombs {
            #expect(try workshop.refusal(workshop.make(bomb)) == .ratioTooHigh(limit: 200))
        }
        let honest = try workshop.make("t = tarfile.open(out, 'w'); add(t, 'a', bytes(40 << 20)); t.close()")
        #expect(try workshop.refusal(honest) == nil)
    }

    @Test("SEC-Archive extraction: a zip entry that lies about its size is stopped by what really comes out")
    func lyingSize() throws {
        let file = try workshop.make(
            """
            z = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED); z.writestr("a", bytes(1 << 20)); z.close()
            data = open(out, "rb").read().replace((1 << 20).to_bytes(4, "little"), (5).to_bytes(4, "little"))
            open(out, "wb").write(data)
            """)
        #expect(try workshop.refusal(file, limits: ArchiveLimits(maximumBytes: 1000)) != nil)
    }

    @Test("SEC-Archive extraction: refuses an encrypted entry with its name")
    func encrypted() throws {
        let file = try workshop.make(
            """
            z = zipfile.ZipFile(out, "w"); z.writestr("secret.txt", "x" * 50); z.close()
            data = bytearray(open(out, "rb").read())
            data[6] |= 1; data[data.index(b"PK\\x01\\x02") + 8] |= 1
            open(out, "wb").write(data)
            """)
        #expect(try workshop.refusal(file) == .encrypted(path: "secret.txt"))
    }

    @Test("a name with control characters can't forge a line of a log")
    func forgedLines() throws {
        let file = try workshop.make(#"t = tarfile.open(out, 'w'); add(t, '../x\nERROR forged', b''); t.close()"#)
        let error = try #require(try workshop.refusal(file))
        #expect(!error.description.contains("\n"))
    }
}
