import Runtime
import Synchronization

/// Calls that may hang: waited for a while, and then left to themselves.
enum TimeLimit {
    /// What `operation` came to, or nil when it took longer than `limit` or the calling task was cancelled: it is
    /// cancelled then, and not waited for. What it comes to after all goes to `late`.
    static func run<Value: Sendable>(
        _ limit: Duration, clock: WallClock, late: @escaping @Sendable (Value) async -> Void = { _ in },
        _ operation: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error>? {
        let (outcomes, outcome) = AsyncStream.makeStream(of: Result<Value, any Error>?.self)
        let race = Race()
        let work = Task {
            let result: Result<Value, any Error>
            do { result = .success(try await operation()) } catch { result = .failure(error) }
            if race.isWon(), case .enqueued = outcome.yield(result) { return }
            if case .success(let value) = result { await late(value) }
        }
        let timer = Task {
            do { try await clock.sleep(for: limit) } catch { return }
            if race.isWon() { outcome.yield(nil) }
        }
        defer {
            timer.cancel()
            work.cancel()
        }
        for await result in outcomes { return result }
        // Cancelled: from now on the outcome is late.
        _ = race.isWon()
        return nil
    }

    /// Whoever asks first has won.
    private final class Race: Sendable {
        private let isOver = Mutex(false)

        func isWon() -> Bool {
            isOver.withLock { isOver in
                defer { isOver = true }
                return !isOver
            }
        }
    }
}
