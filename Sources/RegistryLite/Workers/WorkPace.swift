import Foundation
import Runtime

/// Lets a background step work for a share of the time only, so that who pulls and pushes meanwhile finds a free
/// processor and a free disk.
actor WorkPace {
    /// A sixteenth of the time is work. A rest ends after 10 ms at the latest: a disk that is slow makes the step slow
    /// enough, and what it frees is wanted.
    private static let restsPerWork: Double = 15
    private static let longestRest: TimeInterval = 0.01

    private let clock: WallClock
    private var begin: Date

    init(clock: WallClock) {
        self.clock = clock
        begin = clock.now
    }

    /// Call between two pieces of work. Errors: `CancellationError`.
    func rest() async throws {
        let worked = max(0, clock.now.timeIntervalSince(begin))
        let pause = min(worked * Self.restsPerWork, Self.longestRest)
        try await clock.sleep(for: .microseconds(Int64(pause * 1_000_000)))
        begin = clock.now
    }
}
