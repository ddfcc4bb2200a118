import Runtime

/// How long to wait between attempts to connect: none before the first, then longer and longer, at most two seconds.
///
/// A quarter of each pause is chance, so that many programs don't come back at one moment.
struct Backoff {
    static let longest = Duration.seconds(2)
    private static let first = Duration.milliseconds(50)

    private let randomness: Randomness
    private var failures = 0

    init(randomness: Randomness = .system) { self.randomness = randomness }

    mutating func succeeded() { failures = 0 }

    /// Notes a failure and answers the pause until the next attempt.
    mutating func failed() -> Duration {
        let pause = min(Self.first * (1 << min(failures, 10)), Self.longest)
        failures += 1
        return pause * (100 - randomness.integer(in: 0...25)) / 100
    }
}
