import Runtime
import SQL

/// Removes sessions that have ended. Idempotent; started by a timer.
package struct SessionCleanupStep: Sendable {
    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// Answers how many were removed.
    @discardableResult
    package func run() async throws -> Int {
        let now = platform.clock.now
        return try await platform.database.write { try SessionStore.deleteDead(at: now, in: $0) }
    }
}
