import AWS
import NIOCore

/// Reads an object of a bucket, and goes on where a connection broke off: an object never changes.
struct S3Content: Sendable {
    private static let reconnections = 3

    let client: S3Client
    let key: String

    /// Throws ``ObjectStorageError``.
    func bytes(_ range: Range<Int64>) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let reader = Reader(content: self, range: range)
        return AsyncThrowingStream {
            do { return try await reader.next() } catch { throw S3Store.translated(error) }
        }
    }

    private actor Reader {
        private let content: S3Content
        private var range: Range<Int64>
        private var stream: AsyncThrowingStream<[UInt8], any Error>?
        private var reconnections = 0

        init(content: S3Content, range: Range<Int64>) {
            self.content = content
            self.range = range
        }

        func next() async throws -> ByteBuffer? {
            while !range.isEmpty {
                do {
                    let open = try await opened()
                    var iterator = open.makeAsyncIterator()
                    if let chunk = try await iterator.next(isolation: self) {
                        range = range.lowerBound + Int64(chunk.count)..<range.upperBound
                        return ByteBuffer(bytes: chunk)
                    }
                    throw S3Error(.unavailable, "Reading \(content.key): the answer ended too early.")
                } catch let error as S3Error where error.kind == .unavailable {
                    stream = nil
                    reconnections += 1
                    guard reconnections <= S3Content.reconnections else { throw error }
                }
            }
            return nil
        }

        private func opened() async throws -> AsyncThrowingStream<[UInt8], any Error> {
            if let stream { return stream }
            let fresh = try await content.client.stream(content.key, range: range)
            stream = fresh
            return fresh
        }
    }
}
