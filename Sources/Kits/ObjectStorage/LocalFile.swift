import Foundation
import Glibc
import NIOCore

/// One open file, closed with the last reference; every call blocks and belongs on a thread of its own.
final class LocalFile: Sendable {
    private let descriptor: Int32
    private let path: String

    private init(_ path: String, flags: Int32) throws {
        descriptor = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        self.path = path
        guard descriptor >= 0 else { throw ObjectStorageError.system("Opening \(path)") }
    }

    deinit { close(descriptor) }

    /// Creates the file when there is none.
    static func openForAppending(_ path: String) throws -> LocalFile {
        try LocalFile(path, flags: O_RDWR | O_CREAT | O_APPEND)
    }

    static func openForReading(_ path: String) throws -> LocalFile { try LocalFile(path, flags: O_RDONLY) }

    /// What a folder says of a file.
    struct Status {
        let sizeBytes: Int64
        let isRegular: Bool
        let changedAt: Date
    }

    /// The size of the file at `path`; nil when there is none.
    static func size(of path: String) throws -> Int64? { try status(of: path)?.sizeBytes }

    /// Of the file at `path`, which is not followed; nil when there is none.
    static func status(of path: String) throws -> Status? {
        var status = stat()
        if lstat(path, &status) == 0 {
            let changed = TimeInterval(status.st_ctim.tv_sec) + TimeInterval(status.st_ctim.tv_nsec) / 1e9
            return Status(
                sizeBytes: Int64(status.st_size), isRegular: status.st_mode & S_IFMT == S_IFREG,
                changedAt: Date(timeIntervalSince1970: changed))
        }
        guard errno == ENOENT else { throw ObjectStorageError.system("Looking at \(path)") }
        return nil
    }

    /// How many bytes the file system of the file at `path` has left for us.
    static func freeBytes(beside path: String) throws -> Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else {
            throw ObjectStorageError.system("Looking at the file system of \(path)")
        }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : Int64(clamping: bytes)
    }

    /// Makes `folder`, whose parents up to `root` may be missing, so that it survives a power failure.
    static func makeFolder(_ folder: String, below root: String) throws {
        if mkdir(folder, 0o700) == 0 {
            try openForReading(parent(of: folder)).synchronize()
        } else if errno == ENOENT, folder.utf8.count > root.utf8.count {
            try makeFolder(parent(of: folder), below: root)
            try makeFolder(folder, below: root)
        } else if errno != EEXIST {
            throw ObjectStorageError.system("Making the folder \(folder)")
        }
    }

    static func parent(of path: String) -> String {
        String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
    }

    /// Keeps other processes and requests out until the file is closed; throws `.busy` when it is already locked.
    func lock() throws {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw ObjectStorageError.system("Locking \(path)") }
    }

    /// Lets the next one in at once: the file itself may stay open a little longer than its last use.
    func unlock() { flock(descriptor, LOCK_UN) }

    /// Whether `path` still leads to this file, and to no newer one.
    func isNamed(_ path: String) throws -> Bool {
        var (mine, named) = (stat(), stat())
        guard fstat(descriptor, &mine) == 0 else { throw ObjectStorageError.system("Looking at \(path)") }
        guard lstat(path, &named) == 0 else {
            if errno == ENOENT { return false }
            throw ObjectStorageError.system("Looking at \(path)")
        }
        return mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
    }

    func size() throws -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw ObjectStorageError.system("Looking at \(path)") }
        return Int64(status.st_size)
    }

    func truncate(to size: Int64) throws {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw ObjectStorageError.system("Cutting \(path)") }
    }

    /// Writes everything at the end of the file.
    func write(_ bytes: UnsafeRawBufferPointer) throws { try write(gathered: [bytes]) { _ in } }

    /// Writes all chunks, in order, at the end of the file: few large writes cost the kernel less than many small ones.
    /// - Parameter stored: sees each chunk once the file has all of it, also when a later one fails.
    func write(_ chunks: [ByteBuffer], stored: (UnsafeRawBufferPointer) -> Void) throws {
        for start in stride(from: 0, to: chunks.count, by: Self.mostGathered) {
            try gather(chunks[start..<min(start + Self.mostGathered, chunks.count)], [], stored)
        }
    }

    private static let mostGathered = 16

    /// Borrows the memory of one chunk after the other, and writes when all are there.
    private func gather(
        _ chunks: ArraySlice<ByteBuffer>, _ gathered: [UnsafeRawBufferPointer],
        _ stored: (UnsafeRawBufferPointer) -> Void
    ) throws {
        guard let first = chunks.first else { return try write(gathered: gathered, stored) }
        try first.withUnsafeReadableBytes { try gather(chunks.dropFirst(), gathered + [$0], stored) }
    }

    private func write(gathered: [UnsafeRawBufferPointer], _ stored: (UnsafeRawBufferPointer) -> Void) throws {
        var chunks = gathered.filter { !$0.isEmpty }[...]
        /// How much of the first chunk the file has.
        var done = 0
        while !chunks.isEmpty {
            var vectors = chunks.map {
                iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
            }
            vectors[0].iov_base += done
            vectors[0].iov_len -= done
            let count = writev(descriptor, vectors, Int32(vectors.count))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw ObjectStorageError.system("Writing \(path)", code: count == 0 ? ENOSPC : errno)
            }
            // The kernel may have taken a part only.
            done += count
            while let first = chunks.first, done >= first.count {
                done -= first.count
                stored(first)
                chunks = chunks.dropFirst()
            }
        }
    }

    /// At most `count` bytes from `position`; empty at the end of the file.
    func read(at position: Int64, upTo count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var result = 0
            repeat {
                result = pread(descriptor, buffer.baseAddress, count, off_t(position))
            } while result < 0 && errno == EINTR
            guard result >= 0 else { throw ObjectStorageError.system("Reading \(path)") }
            initialized = result
        }
    }

    /// Waits until the file is on the disk.
    func synchronize() throws {
        guard fsync(descriptor) == 0 else { throw ObjectStorageError.system("Syncing \(path)") }
    }
}
