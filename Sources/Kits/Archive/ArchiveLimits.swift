/// How much an archive may unpack to before it is refused.
package struct ArchiveLimits: Sendable, Hashable {
    /// Files, folders and links together.
    package var maximumEntries: Int
    /// Bytes of all files together, holes of sparse files included.
    package var maximumBytes: Int64
    /// Unpacked bytes for each byte of the archive file; not looked at below 16 MiB.
    package var maximumRatio: Int64
    /// Bytes of one path within the archive; a single name has at most 255.
    package var maximumPathBytes: Int

    package init(
        maximumEntries: Int = 200_000, maximumBytes: Int64 = 8 << 30, maximumRatio: Int64 = 200,
        maximumPathBytes: Int = 4096
    ) {
        self.maximumEntries = maximumEntries
        self.maximumBytes = maximumBytes
        self.maximumRatio = maximumRatio
        self.maximumPathBytes = maximumPathBytes
    }

    /// Small archives may shrink well without harm: below this the ratio is not looked at.
    static let ratioFreeBytes: Int64 = 16 << 20
}
