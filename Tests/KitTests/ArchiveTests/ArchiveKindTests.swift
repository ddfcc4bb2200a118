import Archive
import Foundation
import Testing

@Suite("Kinds of archives") struct ArchiveKindTests {
    @Test(
        "tar is known in every dialect and under every compression",
        arguments: [
            ("w", ArchiveKind.tar), ("w:gz", .gzip), ("w:bz2", .bzip2), ("w:xz", .xz),
        ])
    func tar(_ mode: String, _ kind: ArchiveKind) throws {
        let workshop = try ArchiveWorkshop()
        for format in ["tarfile.USTAR_FORMAT", "tarfile.GNU_FORMAT", "tarfile.PAX_FORMAT"] {
            let file = try workshop.make(
                """
                t = tarfile.open(out, "\(mode)", format=\(format))
                add(t, "näme" * 10, b"content")
                t.close()
                """)
            #expect(ArchiveKind.sniff(try Data(contentsOf: file)) == kind)
        }
    }

    @Test("a zip archive is known, also an empty one")
    func zip() throws {
        let workshop = try ArchiveWorkshop()
        let file = try workshop.make("z = zipfile.ZipFile(out, 'w'); z.writestr('a', 'b'); z.close()")
        let empty = try workshop.make("zipfile.ZipFile(out, 'w').close()")
        #expect(ArchiveKind.sniff(try Data(contentsOf: file)) == .zip)
        #expect(ArchiveKind.sniff(try Data(contentsOf: empty)) == .zip)
    }

    @Test("zstd is known", arguments: [[0x28, 0xB5, 0x2F, 0xFD, 0x04, 0x00]] as [[UInt8]])
    func zstd(_ bytes: [UInt8]) { #expect(ArchiveKind.sniff(bytes) == .zstd) }

    @Test(
        "what is no archive is none",
        arguments: [
            "", "F", "FROM scratch\nCOPY a /a\n", String(repeating: "FROM alpine\n", count: 100), "PK", "BZ", "\u{1F}",
            String(repeating: "\0", count: 1024), String(repeating: " ", count: 512),
            String(repeating: "0", count: 512),
        ])
    func none(_ text: String) { #expect(ArchiveKind.sniff(Array(text.utf8)) == nil) }
}
