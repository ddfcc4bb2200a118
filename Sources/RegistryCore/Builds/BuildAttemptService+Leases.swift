package import Domain
package import Foundation
import Runtime
import SQL

/// Who watches over which attempt, and until when it is believed alive.
///
/// Any manager may ask and act. What a manager remembers may be old (it was asleep, or its neighbour heard the builder):
/// so each change is decided by the attempt's row, in the transaction that makes it.
extension BuildAttemptService {
    /// What became of a manager's belief that an attempt is lost.
    package enum Expiry: Sendable, Hashable {
        /// The attempt has ended by this call.
        case ended
        /// It had ended before.
        case over
        /// Somebody has heard the builder: it may be silent until that moment.
        case holds(until: Date)
    }

    /// Every live attempt of the database, whoever watches over it, oldest first.
    package func live() async throws -> [BuildAttempt] {
        try await database.read { try BuildAttemptStore.allLive(in: $0) }
    }

    /// Notes a sign of life at `heartbeat`, which makes this manager the attempt's own. False when it has ended.
    package func renew(_ attempt: BuildAttempt, heartbeat: Date) async throws -> Bool {
        let lease = heartbeat.addingTimeInterval((timing.silence + timing.leaseMargin).seconds)
        let claim = max(lease, heartbeat.addingTimeInterval(timing.perHeartbeat.seconds))
        return try await database.write { transaction in
            guard
                try BuildAttemptStore.renew(
                    attempt.id, by: manager, heartbeatAt: heartbeat, leaseUntil: lease, in: transaction)
            else { return false }
            _ = try WorkQueue.extend(attempt.claim, until: claim, minimum: .zero, in: transaction)
            return true
        }
    }

    /// Begins to watch over an attempt that is believed alive until `moment`, whoever did before. False when it has ended.
    package func adopt(_ attempt: BuildAttempt, until moment: Date) async throws -> Bool {
        try await adopt(attempt, until: moment) { _ in true }
    }

    /// Takes an attempt over from the manager that it names, unless another has been quicker. False then, and when it has
    /// ended.
    package func takeOver(_ attempt: BuildAttempt, until moment: Date) async throws -> Bool {
        try await adopt(attempt, until: moment) { $0.manager == attempt.manager }
    }

    private func adopt(
        _ attempt: BuildAttempt, until moment: Date, if condition: @escaping @Sendable (BuildAttempt) -> Bool
    ) async throws -> Bool {
        let lease = moment.addingTimeInterval(timing.leaseMargin.seconds)
        return try await database.write { transaction in
            guard let row = try BuildAttemptStore.find(id: attempt.id, in: transaction), row.isLive, condition(row),
                try BuildAttemptStore.adopt(attempt.id, by: manager, leaseUntil: lease, in: transaction)
            else { return false }
            _ = try WorkQueue.extend(attempt.claim, until: lease, in: transaction)
            return true
        }
    }

    /// Ends an attempt whose builder was not heard in time, or that took too long, if its row says so too.
    /// - Parameter tolerance: how much longer than ``Timing/silence`` the builder may be silent.
    package func expire(
        _ attempt: BuildAttempt, _ outcome: AttemptOutcome, failure: BuildFailure?, tolerance: Duration = .zero
    ) async throws -> Expiry {
        let slack = tolerance.seconds - timing.leaseMargin.seconds
        let answer = try await end(attempt, outcome, failure: failure) { row, now in
            row.leaseExpires.addingTimeInterval(slack) <= now || row.deadline <= now
        }
        guard let row = answer.row, row.isLive else { return .over }
        if answer.isFirst { return .ended }
        return .holds(until: min(row.leaseExpires.addingTimeInterval(slack), row.deadline))
    }

    /// Live attempts whose leases have run out, by every manager's clock.
    package func lapsed() async throws -> [BuildAttempt] {
        let latest = clock.now.addingTimeInterval(-timing.clockTolerance.seconds)
        return try await live().filter { $0.leaseExpires <= latest || $0.deadline <= latest }
    }

    /// Gives a build back when this manager stops, if the attempt is still its own. True when this call has ended it.
    package func giveUp(_ attempt: BuildAttempt) async throws -> Bool {
        try await end(attempt, .interrupted, failure: nil) { row, _ in row.manager == manager }.isFirst
    }

    /// The rows of `attempts` as they are now; one that is gone, with its build, is missing.
    package func rows(of attempts: [BuildAttempt]) async throws -> [BuildAttempt] {
        try await database.read { transaction in
            try attempts.compactMap { try BuildAttemptStore.find(id: $0.id, in: transaction) }
        }
    }

    /// Attempts that were ended within the last `period` while their builders may have been at work: cancelled, lost or
    /// replaced, by whichever program.
    package func stopped(within period: Duration) async throws -> [BuildAttempt] {
        let moment = clock.now.addingTimeInterval(-period.seconds)
        return try await database.read { try BuildAttemptStore.stopped(after: moment, in: $0) }
    }
}
