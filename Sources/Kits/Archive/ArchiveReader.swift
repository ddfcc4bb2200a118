import CArchive
package import Foundation

/// Unpacks archives that strangers made.
package enum ArchiveReader {
    /// What came out of an archive.
    package struct Summary: Sendable, Hashable {
        package let entries: Int
        package let bytes: Int64
    }

    /// Unpacks the archive `file` into the empty folder `folder`.
    ///
    /// The kind is found by content: tar (plain, gzip, bzip2, xz, zstd) or zip. Files, folders and links that stay inside
    /// come out, with their permissions (without set-user-id, set-group-id and sticky bits) and times; owners are ignored.
    /// Everything else is refused by ``ArchiveError``; nothing outside `folder` is ever touched, but what was unpacked
    /// before the refusal stays there for the caller to remove. Blocks its thread; stops with `CancellationError` when the
    /// task it runs in is cancelled.
    @discardableResult
    package static func extract(
        _ file: URL, into folder: URL, limits: ArchiveLimits = ArchiveLimits()
    ) throws -> Summary {
        let number = open(file.path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw ExtractionFolder.failure("Opening the archive") }
        let input = Descriptor(number)
        let kind = try sniff(input)
        var status = stat()
        guard fstat(input.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ArchiveError.notAnArchive
        }
        var extraction = Extraction(
            archive: try OpenArchive(input, kind: kind), archiveBytes: Int64(status.st_size),
            folder: try ExtractionFolder.open(folder.path), limits: limits)
        return try withUTF8Names { try extraction.run() }
    }

    /// Runs `body` with a UTF-8 locale on this thread: in the C locale of a server libarchive loses names beyond ASCII.
    private static func withUTF8Names<Value>(_ body: () throws -> Value) throws -> Value {
        guard let utf8 = newlocale(1 << LC_CTYPE, "C.UTF-8", nil) else {
            throw ExtractionFolder.failure("Choosing the character set")
        }
        let before = uselocale(utf8)
        defer {
            uselocale(before)
            freelocale(utf8)
        }
        return try body()
    }

    private static func sniff(_ input: borrowing Descriptor) throws(ArchiveError) -> ArchiveKind {
        var start = [UInt8](repeating: 0, count: ArchiveKind.sniffedBytes)
        let count = pread(input.number, &start, start.count, 0)
        guard count >= 0 else { throw ExtractionFolder.failure("Reading the archive") }
        guard let kind = ArchiveKind.sniff(start[..<count]) else { throw .notAnArchive }
        return kind
    }
}

/// libarchive's reader over one open file.
final class OpenArchive {
    private let pointer: OpaquePointer

    /// Only the one kind that was sniffed can be read: no format is guessed, no filter hides in another.
    init(_ input: borrowing Descriptor, kind: ArchiveKind) throws(ArchiveError) {
        guard let pointer = archive_read_new() else { throw .unreadable(reason: "out of memory") }
        self.pointer = pointer
        switch kind {
        case .tar: archive_read_support_format_tar(pointer)
        case .zip: archive_read_support_format_zip(pointer)
        case .gzip: archive_read_support_filter_gzip(pointer)
        case .bzip2: archive_read_support_filter_bzip2(pointer)
        case .xz: archive_read_support_filter_xz(pointer)
        case .zstd: archive_read_support_filter_zstd(pointer)
        }
        if kind != .zip, kind != .tar { archive_read_support_format_tar(pointer) }
        guard archive_read_open_fd(pointer, input.number, 65_536) == ARCHIVE_OK else { throw error() }
    }

    deinit { archive_read_free(pointer) }

    /// The next entry, valid until the next call; nil at the end.
    func next() throws(ArchiveError) -> OpaquePointer? {
        var entry: OpaquePointer?
        switch archive_read_next_header(pointer, &entry) {
        case ARCHIVE_EOF: return nil
        // A warning is about names that the C locale can't show; the bytes are there.
        case ARCHIVE_OK, ARCHIVE_WARN: return entry
        default: throw error()
        }
    }

    /// The next piece of the current entry's content with its offset; nil at the end.
    func block() throws(ArchiveError) -> (bytes: UnsafeRawBufferPointer, offset: Int64)? {
        var start: UnsafeRawPointer?
        var count = 0
        var offset: Int64 = 0
        switch archive_read_data_block(pointer, &start, &count, &offset) {
        case ARCHIVE_EOF: return nil
        case ARCHIVE_OK: return (UnsafeRawBufferPointer(start: start, count: count), offset)
        default: throw error()
        }
    }

    private func error() -> ArchiveError {
        let text = archive_error_string(pointer).map { String(cString: $0) } ?? "unknown format"
        return .unreadable(reason: ArchivePath.printable(Array(text.utf8)))
    }
}
