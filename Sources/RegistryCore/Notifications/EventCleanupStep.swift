package import Foundation
import Runtime
import SQL

/// One pass that forgets events which are too old for anybody to be told of.
package struct EventCleanupStep: Sendable {
    /// How long an event is kept, in seconds: longer than any target may be away and be told afterwards.
    package static let retention: TimeInterval = 30 * 86_400
    /// Rows of one transaction.
    private static let chunk = 500

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// Answers how many went. Safe to run in several processes at once.
    @discardableResult
    package func run() async throws -> Int {
        let end = platform.clock.now - Self.retention
        var count = 0
        while true {
            try Task.checkCancellation()
            let removed = try await platform.database.write {
                try EventStore.remove(olderThan: end, limit: Self.chunk, in: $0)
            }
            count += removed
            guard removed == Self.chunk else { return count }
        }
    }
}
