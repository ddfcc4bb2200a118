import NIOCore

extension AsyncSequence where Element == ByteBuffer, Failure == any Error {
    /// Hands the stream on in batches of at most `limit` bytes or one chunk, so that one job on a thread does more.
    ///
    /// When the stream fails, what came before is handed on first.
    func inBatches(
        ofAtMost limit: Int, _ handle: @Sendable ([ByteBuffer]) async throws -> Void
    ) async throws where Self: Sendable {
        var batch: [ByteBuffer] = []
        var size = 0
        do {
            for try await chunk in self where chunk.readableBytes > 0 {
                if size + chunk.readableBytes > limit, !batch.isEmpty {
                    try await handle(batch)
                    batch.removeAll(keepingCapacity: true)
                    size = 0
                }
                batch.append(chunk)
                size += chunk.readableBytes
            }
        } catch let failure {
            if !batch.isEmpty { try await handle(batch) }
            throw failure
        }
        if !batch.isEmpty { try await handle(batch) }
    }
}
