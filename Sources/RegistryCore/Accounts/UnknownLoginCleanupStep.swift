import Foundation
import Runtime
import SQL

/// Forgets wrong passwords for names that nobody has, once they are old or too many. Idempotent; started by a timer.
package struct UnknownLoginCleanupStep: Sendable {
    /// Far beyond the longest wait, so that an account and a name without one stay alike.
    static let retention: TimeInterval = 30 * 24 * 3600
    /// Each costs a password check to make: more come only from a long attack.
    static let capacity = 100_000

    private let platform: Platform
    private let capacity: Int

    package init(platform: Platform) { self.init(platform: platform, capacity: Self.capacity) }

    init(platform: Platform, capacity: Int) {
        self.platform = platform
        self.capacity = capacity
    }

    /// Answers how many were removed.
    @discardableResult
    package func run() async throws -> Int {
        let (moment, capacity) = (platform.clock.now.addingTimeInterval(-Self.retention), self.capacity)
        return try await platform.database.write {
            try UnknownLoginStore.deleteStale(before: moment, capacity: capacity, in: $0)
        }
    }
}
