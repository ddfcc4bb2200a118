package import Runtime
package import SQL

extension Database {
    /// Wake-ups of `signal`, and one every `interval` as a safety net: the rhythm of every background loop.
    ///
    /// The first comes at once. What comes while the consumer is busy is kept as one. Ends when the consuming task is
    /// cancelled.
    package func wakeUps(_ signal: Signal, orEvery interval: Duration, clock: WallClock) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        continuation.yield()
        let signals = Task {
            for await _ in wakeUps(signal) { continuation.yield() }
        }
        let ticks = Task {
            do {
                while true {
                    try await clock.sleep(for: interval)
                    continuation.yield()
                }
            } catch {
                // Cancelled: the consumer is gone.
                continuation.finish()
            }
        }
        continuation.onTermination = { _ in
            signals.cancel()
            ticks.cancel()
        }
        return stream
    }
}
