import CArchive
import Foundation

/// One unpacking: entry after entry, within limits.
struct Extraction: ~Copyable {
    private let archive: OpenArchive
    private let folder: ExtractionFolder
    private let limits: ArchiveLimits
    private let archiveBytes: Int64
    private var links = ArchiveLinks()
    private var entries = 0
    private var bytes: Int64 = 0

    /// `archiveBytes` is the size of the archive file, for the ratio.
    init(archive: OpenArchive, archiveBytes: Int64, folder: consuming ExtractionFolder, limits: ArchiveLimits) {
        self.archive = archive
        self.folder = folder
        self.limits = limits
        self.archiveBytes = archiveBytes
    }

    mutating func run() throws -> ArchiveReader.Summary {
        while let entry = try archive.next() {
            try Task.checkCancellation()
            entries += 1
            guard entries <= limits.maximumEntries else {
                throw ArchiveError.tooManyEntries(limit: limits.maximumEntries)
            }
            try extract(entry)
        }
        try links.check()
        return ArchiveReader.Summary(entries: entries, bytes: bytes)
    }

    private mutating func extract(_ entry: OpaquePointer) throws {
        let path = try Self.path(
            archive_entry_pathname(entry), archive_entry_pathname_utf8(entry), limits: limits)
        guard archive_entry_is_encrypted(entry) == 0 else { throw ArchiveError.encrypted(path: path.text) }
        if let target = Self.bytes(archive_entry_hardlink(entry)) ?? Self.bytes(archive_entry_hardlink_utf8(entry)) {
            return try hardLink(path, target)
        }
        let mode = archive_entry_mode(entry)
        switch mode & S_IFMT {
        case S_IFDIR:
            try folder.makeFolder(path, mode: mode)
        case S_IFREG:
            try file(entry, path, mode: mode)
        case S_IFLNK:
            guard
                let target = Self.bytes(archive_entry_symlink(entry)) ?? Self.bytes(archive_entry_symlink_utf8(entry)),
                !target.isEmpty, target.count <= limits.maximumPathBytes
            else { throw ArchiveError.unsafePath(path.text) }
            guard target[0] != UInt8(ascii: "/") else {
                throw ArchiveError.linkLeadsOutside(path: path.text, target: ArchivePath.printable(target))
            }
            try folder.makeSymbolicLink(path, target: target)
            links.add(path, target: target)
        case let type:
            throw ArchiveError.forbiddenType(path: path.text, type: Self.typeName(type))
        }
    }

    private mutating func hardLink(_ path: ArchivePath, _ target: [UInt8]) throws {
        let targetPath: ArchivePath
        do { targetPath = try ArchivePath(target, limits: limits) } catch {
            throw ArchiveError.linkLeadsOutside(path: path.text, target: ArchivePath.printable(target))
        }
        guard !targetPath.names.isEmpty else { throw ArchiveError.badHardLink(path: path.text, target: ".") }
        do { try folder.makeHardLink(path, target: targetPath) } catch ArchiveError.parentIsNoFolder(
            targetPath.parent.text)
        {
            throw ArchiveError.badHardLink(path: path.text, target: targetPath.text)
        }
        if path != targetPath { links.remove(path) }
    }

    private mutating func file(_ entry: OpaquePointer, _ path: ArchivePath, mode: mode_t) throws {
        let size = archive_entry_size_is_set(entry) != 0 ? archive_entry_size(entry) : 0
        guard size >= 0 else { throw ArchiveError.unreadable(reason: "a file has a negative size") }
        try admit(size)
        let output = try folder.makeFile(path)
        links.remove(path)
        var end: Int64 = 0
        while let block = try archive.block() {
            try Task.checkCancellation()
            let (blockEnd, overflow) = block.offset.addingReportingOverflow(Int64(block.bytes.count))
            guard block.offset >= 0, !overflow else {
                throw ArchiveError.unreadable(reason: "a file has a hole without end")
            }
            try admit(max(blockEnd, size))
            try Self.write(block.bytes, at: block.offset, to: output)
            end = max(end, blockEnd)
        }
        // A sparse file may end with a hole.
        if size > end {
            guard ftruncate(output.number, Int(size)) == 0 else { throw ExtractionFolder.failure("Writing a file") }
        }
        bytes += max(end, size)
        var times = [
            timespec(), timespec(tv_sec: archive_entry_mtime(entry), tv_nsec: archive_entry_mtime_nsec(entry)),
        ]
        times[0].tv_nsec = Self.keepTime
        if archive_entry_mtime_is_set(entry) == 0 { times[1].tv_nsec = Self.keepTime }
        guard fchmod(output.number, mode & 0o777 | 0o600) == 0 else { throw ExtractionFolder.failure("Setting a mode") }
        guard futimens(output.number, times) == 0 else { throw ExtractionFolder.failure("Setting a time") }
    }

    /// Throws unless `more` bytes on top of those unpacked so far are within the limits.
    private func admit(_ more: Int64) throws(ArchiveError) {
        let (total, overflow) = bytes.addingReportingOverflow(more)
        guard !overflow, total <= limits.maximumBytes else { throw .tooLarge(limitBytes: limits.maximumBytes) }
        guard total > ArchiveLimits.ratioFreeBytes else { return }
        guard total / max(archiveBytes, 1) < limits.maximumRatio else {
            throw .ratioTooHigh(limit: limits.maximumRatio)
        }
    }

    /// UTIME_OMIT of utimensat(2), a macro that Swift doesn't see.
    private static let keepTime = 0x3FFF_FFFE

    private static func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64, to output: borrowing Descriptor) throws
    {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = pwrite(output.number, rest.baseAddress, rest.count, Int(offset) + written)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw ExtractionFolder.failure("Writing a file") }
            written += count
        }
    }

    private static func path(
        _ local: UnsafePointer<CChar>?, _ unicode: UnsafePointer<CChar>?, limits: ArchiveLimits
    ) throws(ArchiveError) -> ArchivePath {
        // Names beyond ASCII have no form in the C locale, but one in UTF-8 (or the other way round).
        guard let bytes = bytes(local) ?? bytes(unicode) else {
            throw .unreadable(reason: "an entry has no readable name")
        }
        return try ArchivePath(bytes, limits: limits)
    }

    private static func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8]? {
        text.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }

    private static func typeName(_ type: mode_t) -> String {
        switch type {
        case S_IFCHR, S_IFBLK: "a device"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        default: "of an unknown type"
        }
    }
}
