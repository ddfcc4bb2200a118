import Domain
package import Foundation
package import SQL

/// Ends the builds of a repository or a namespace that is being deleted, in the transaction that deletes it.
package enum UnfinishedBuilds {
    /// Whose builds.
    package enum Owner: Sendable, Hashable {
        case repository(Int64)
        case namespace(Int64)
    }

    /// Takes waiting builds out of the queue and ends running ones: their builders stop, their tokens are dead.
    package static func cancel(of owner: Owner, at now: Date, in transaction: any Transaction) throws {
        let builds = try BuildStore.unfinished(of: owner, in: transaction)
        for build in builds {
            let attempt = try BuildAttemptStore.live(ofBuild: build.id, in: transaction)
            if let attempt, try BuildAttemptStore.end(attempt.id, .cancelled, at: now, in: transaction) {
                try DelegateTokenStore.revoke(attemptID: attempt.id, at: now, in: transaction)
            }
            if let item = build.queueItemID { try WorkQueue.remove(item, in: transaction) }
            try BuildStore.setPhase(.cancelled, of: build.id, endedAt: now, in: transaction)
        }
        guard !builds.isEmpty else { return }
        try transaction.notify(.builds)
        try transaction.notify(.buildLogs)
    }
}
