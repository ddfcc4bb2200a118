/// How often and how soon a body runs again.
struct RetryRule {
    /// A write that lost so often runs while no other one does, and so wins.
    static let conflictsBeforeUndisturbed = 6
    /// Only programs that write past this kit make an undisturbed write lose; that many times is worth an error.
    static let mostConflicts = 40
    static let mostReconnections = 2
    /// In microseconds: the first pause, and the longest.
    static let pauses = 1_000...100_000

    private(set) var conflicts = 0
    private(set) var reconnections = 0

    /// The longest pause, in microseconds, before the body runs again; nil when it has had its chances.
    mutating func pauseAfterConflict() -> Int? {
        conflicts += 1
        guard conflicts <= Self.mostConflicts else { return nil }
        let doubled = Self.pauses.lowerBound << min(conflicts - 1, 16)
        return min(doubled, Self.pauses.upperBound)
    }

    /// Whether a broken connection may be replaced once more.
    mutating func mayReconnect() -> Bool {
        reconnections += 1
        return reconnections <= Self.mostReconnections
    }
}
