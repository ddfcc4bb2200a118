import HTTPTypes
import HummingbirdCore
import NIOCore
import Synchronization

/// Counts the bytes of an answer whose length nobody knows before.
struct CountingWriter: ResponseBodyWriter {
    private final class Count: Sendable { let bytes = Atomic<Int>(0) }

    private var base: any ResponseBodyWriter
    private let count = Count()

    init(_ base: any ResponseBodyWriter) { self.base = base }

    var bytes: Int { count.bytes.load(ordering: .relaxed) }

    mutating func write(_ buffer: ByteBuffer) async throws {
        count.bytes.wrappingAdd(buffer.readableBytes, ordering: .relaxed)
        try await base.write(buffer)
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws { try await base.finish(trailingHeaders) }
}
