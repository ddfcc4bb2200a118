import Runtime

/// How often a call to a service is tried, and how long the first pause is; each next one is twice as long, give or take.
package struct Patience: Sendable {
    package let attempts: Int
    package let firstPause: Duration

    package init(attempts: Int = 5, firstPause: Duration = .milliseconds(200)) {
        self.attempts = attempts
        self.firstPause = firstPause
    }

    /// Calls `body` again while it fails in a way that is worth another try. Throws what it threw last, or
    /// `CancellationError`.
    func retrying<Value: Sendable>(
        clock: WallClock, randomness: Randomness, when isTransient: (any Error) -> Bool,
        _ body: () async throws -> Value
    ) async throws -> Value {
        var pause = firstPause
        for _ in 1..<max(1, attempts) {
            do { return try await body() } catch  where isTransient(error) {
                // Between the half and the whole of the pause, so that replicas don't come back together.
                try await clock.sleep(for: pause * Double(randomness.integer(in: 500...1000)) / 1000)
                pause *= 2
            }
        }
        return try await body()
    }
}
