import Domain
import NIOCore

/// A stream that fails as soon as it is longer than it may be.
struct CappedChunks<Base: AsyncSequence & Sendable>: AsyncSequence, Sendable
where Base.Element == ByteBuffer, Base.Failure == any Error {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    let base: Base
    /// Bytes.
    let limit: Int64
    /// What a longer stream is.
    let excess: RegistryError

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: Base.AsyncIterator
        var rest: Int64
        let excess: RegistryError

        mutating func next() async throws -> ByteBuffer? {
            guard let chunk = try await base.next() else { return nil }
            rest -= Int64(chunk.readableBytes)
            guard rest >= 0 else { throw excess }
            return chunk
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: base.makeAsyncIterator(), rest: limit, excess: excess)
    }
}
