/// What a file is by its first bytes; its name is never asked.
package enum ArchiveKind: String, Sendable, Hashable, CaseIterable {
    case tar, gzip, bzip2, xz, zstd, zip

    /// How many bytes ``sniff(_:)`` wants to see: one block of a tar archive.
    package static let sniffedBytes = 512

    /// The kind of archive that starts with `bytes`, or nil for everything else (a Dockerfile, for example).
    ///
    /// gzip, bzip2, xz and zstd say nothing about what is compressed: extraction finds out. An empty tar archive (only
    /// zeros) is taken for none.
    package static func sniff(_ bytes: some Collection<UInt8>) -> ArchiveKind? {
        let bytes = Array(bytes.prefix(sniffedBytes))
        for (magic, kind) in magics where bytes.starts(with: magic) { return kind }
        return isTar(bytes) ? .tar : nil
    }

    private static let magics: [([UInt8], ArchiveKind)] = [
        ([0x1F, 0x8B], .gzip),
        (Array("BZh".utf8), .bzip2),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], .xz),
        ([0x28, 0xB5, 0x2F, 0xFD], .zstd),
        ([0x50, 0x4B, 0x03, 0x04], .zip),
        ([0x50, 0x4B, 0x05, 0x06], .zip),
    ]

    /// Old tar archives have no magic, so the checksum of the header decides for all. Source: POSIX pax, ustar header.
    private static func isTar(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == sniffedBytes, bytes[0] != 0 else { return false }
        let field = bytes[148..<156]
        let digits = field.drop { $0 == UInt8(ascii: " ") }.prefix {
            (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0)
        }
        guard !digits.isEmpty, let stored = Int(String(decoding: digits, as: UTF8.self), radix: 8) else { return false }
        let blanked = bytes[..<148] + Array(repeating: UInt8(ascii: " "), count: 8) + bytes[156...]
        return blanked.reduce(0) { $0 + Int($1) } == stored
    }
}
