package import Foundation

/// How long an account refuses every password after wrong ones: half a second, then 1.5, 3.5, 7.5 …
///
/// Source: Quay 3.4, login throttle (`0.5 · (2^n − 1)` seconds after the last wrong one). The wait ends at one hour, so that
/// nobody can lock an account for longer.
package struct LoginThrottle: Sendable, Hashable {
    package static let longestWaitSeconds: TimeInterval = 3600

    /// Wrong passwords since the last right one.
    package let failures: Int
    package let lastFailure: Date?

    package init(failures: Int, lastFailure: Date?) {
        self.failures = failures
        self.lastFailure = lastFailure
    }

    /// Whole seconds until the next attempt counts, rounded up; nil when one may be made now.
    package func secondsToWait(at now: Date) -> Int? {
        guard failures > 0, let lastFailure else { return nil }
        // Above 13 doublings the hour is reached; the exponent stays far from overflow.
        let wait = min(0.5 * (pow(2, Double(min(failures, 16))) - 1), Self.longestWaitSeconds)
        let remaining = lastFailure.addingTimeInterval(wait).timeIntervalSince(now)
        // A clock that was set back must not lock the account for longer than its wait.
        return remaining > 0 ? Int(min(remaining, wait).rounded(.up)) : nil
    }
}
