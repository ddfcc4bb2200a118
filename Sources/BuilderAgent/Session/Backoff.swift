import Runtime

/// How long to wait before the next try: longer each time up to a limit, and never the same for all agents of a farm.
///
/// Each pause is a random part, at least half, of a step that doubles: a manager that comes back is not asked by all of
/// its agents at the same moment.
struct Backoff: Sendable {
    private let first: Duration
    private let longest: Duration
    private let randomness: Randomness
    private var step: Duration

    init(first: Duration, longest: Duration, randomness: Randomness = .system) {
        self.first = first
        self.longest = longest
        self.randomness = randomness
        step = min(first, longest)
    }

    /// The pause before the next try.
    mutating func next() -> Duration {
        defer { step = min(step * 2, longest) }
        return step * randomness.integer(in: 500...1000) / 1000
    }

    /// Something was answered: the next trouble begins with short pauses again.
    mutating func reset() { step = min(first, longest) }
}
