import Glibc
import NIOCore

/// A file that is being sent; closed with the last reference.
final class OpenFile: Sendable {
    struct Failed: Error, CustomStringConvertible {
        let description: String
        init(_ doing: String) { description = "\(doing): \(String(cString: strerror(errno)))" }
        init(short path: String) { description = "The file \(path) ends too early" }
    }

    private let descriptor: Int32
    private let path: String

    /// - Parameter range: what the kernel shall read ahead, so that sending waits less for the disk; nil for nothing.
    init(_ path: String, readingAhead range: Range<Int64>? = nil) throws {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        self.path = path
        guard descriptor >= 0 else { throw Failed("Opening \(path)") }
        guard let range else { return }
        posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), Int32(POSIX_FADV_SEQUENTIAL))
        posix_fadvise(descriptor, off_t(range.lowerBound), off_t(min(range.count, 8 << 20)), Int32(POSIX_FADV_WILLNEED))
    }

    deinit { close(descriptor) }

    /// Exactly `count` bytes from `position`, unless the file ends within them.
    func read(at position: Int64, count: Int) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            var result = 0
            repeat {
                result = pread(descriptor, memory.baseAddress, count, off_t(position))
            } while result < 0 && errno == EINTR
            guard result >= 0 else { throw Failed("Reading \(path)") }
            guard result > 0 else { throw Failed(short: path) }
            return result
        }
        return buffer
    }

    /// Lends the descriptor to NIO's sendfile for the time of `body`.
    func withHandle<Value>(_ body: (NIOFileHandle) async throws -> Value) async throws -> Value {
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        // The descriptor stays ours: NIO must not close it.
        defer { _ = try? handle.takeDescriptorOwnership() }
        return try await body(handle)
    }
}
