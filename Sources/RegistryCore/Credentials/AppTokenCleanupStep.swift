import Foundation
import Runtime
import SQL

/// Removes app-specific tokens that expired long enough ago. Idempotent; started by a timer.
package struct AppTokenCleanupStep: Sendable {
    private let platform: Platform
    private let retention: Duration

    /// - Parameter retention: EXPIRED_APP_SPECIFIC_TOKEN_GC: how long an expired token stays listed.
    package init(platform: Platform, retention: Duration) {
        self.platform = platform
        self.retention = retention
    }

    /// Answers how many were removed.
    @discardableResult
    package func run() async throws -> Int {
        let moment = platform.clock.now.addingTimeInterval(-(retention / .seconds(1)))
        return try await platform.database.write { try AppTokenStore.deleteExpired(before: moment, in: $0) }
    }
}
