package import Domain
package import Foundation
package import SQL

/// All SQL on `build_attempt`. An attempt ends once: whoever sets `ended_ms` first has decided its outcome.
package enum BuildAttemptStore {
    /// Begins the next attempt of a build under a claim on its queue item.
    ///
    /// Errors: `.uniqueViolation` when the build has a live attempt; end that one first.
    package static func begin(
        buildID: Int64, claim: QueueItem.Claim, manager: String, at now: Date, leaseUntil lease: Date, deadline: Date,
        in transaction: any Transaction
    ) throws -> BuildAttempt {
        let number = try transaction.number(
            "SELECT COALESCE(MAX(number), 0) + 1 FROM build_attempt WHERE build_id = \(buildID)")
        let id = try transaction.number(
            """
            INSERT INTO build_attempt (build_id, number, queue_item_id, queue_state_id, manager, created_ms,
                lease_expires_ms, deadline_ms)
            VALUES (\(buildID), \(number ?? 1), \(claim.itemID), \(claim.stateID), \(manager), \(now), \(lease), \(deadline))
            RETURNING id
            """)
        guard let id, let attempt = try find(id: id, in: transaction) else {
            throw DatabaseError(.decoding, "An inserted attempt is not there.")
        }
        return attempt
    }

    package static func find(id: Int64, in transaction: any Transaction) throws -> BuildAttempt? {
        try transaction.row("\(columns) WHERE attempt.id = \(id)").map(attempt)
    }

    package static func find(_ key: JobKey, in transaction: any Transaction) throws -> BuildAttempt? {
        try transaction.row(
            "\(columns) WHERE build.uuid = \(key.buildUUID) AND attempt.number = \(key.attempt)"
        ).map(attempt)
    }

    /// The attempt that works on a build now.
    package static func live(ofBuild buildID: Int64, in transaction: any Transaction) throws -> BuildAttempt? {
        try transaction.row("\(columns) WHERE attempt.build_id = \(buildID) AND attempt.ended_ms IS NULL").map(attempt)
    }

    /// Every attempt that works on something now, oldest first.
    package static func allLive(in transaction: any Transaction) throws -> [BuildAttempt] {
        try transaction.rows("\(columns) WHERE attempt.ended_ms IS NULL ORDER BY attempt.id").map(attempt)
    }

    /// How many attempts hold a slot now: all that are live. One whose builder is lost holds its slot until a manager has
    /// judged so, which is when its builder is stopped.
    package static func liveCount(in transaction: any Transaction) throws -> Int {
        Int(try transaction.number("SELECT COUNT(*) FROM build_attempt WHERE ended_ms IS NULL") ?? 0)
    }

    /// Attempts that ended after `moment` while their builders may have been at work, whoever ended them.
    package static func stopped(after moment: Date, in transaction: any Transaction) throws -> [BuildAttempt] {
        try transaction.rows(
            """
            \(columns) WHERE attempt.ended_ms > \(moment)
                AND attempt.outcome IN ('cancelled', 'expired', 'lost', 'interrupted', 'superseded')
            """
        ).map(attempt)
    }

    /// How many attempts are live on each executor; under `-` those that none has started yet.
    package static func liveByExecutor(in transaction: any Transaction) throws -> [String: Int] {
        let rows = try transaction.rows(
            """
            SELECT COALESCE(executor, '-') AS name, COUNT(*) AS count FROM build_attempt WHERE ended_ms IS NULL
            GROUP BY COALESCE(executor, '-')
            """)
        return try Dictionary(rows.map { (try $0.text("name"), try $0.int("count")) }) { first, _ in first }
    }

    /// Whether the attempt may still change anything. Asked in the transaction that makes the change.
    package static func isLive(_ id: Int64, in transaction: any Transaction) throws -> Bool {
        try transaction.row("SELECT 1 AS found FROM build_attempt WHERE id = \(id) AND ended_ms IS NULL") != nil
    }

    /// How the attempt of that name ended; nil while it is live, and when there is none.
    package static func outcome(of key: JobKey, in transaction: any Transaction) throws -> AttemptOutcome? {
        try transaction.row(
            """
            SELECT attempt.outcome FROM build_attempt AS attempt JOIN build ON build.id = attempt.build_id
            WHERE build.uuid = \(key.buildUUID) AND attempt.number = \(key.attempt)
            """
        )?.textIfAny("outcome").flatMap(AttemptOutcome.init(rawValue:))
    }

    /// Keeps who runs the attempt, and since when. False when it has ended meanwhile.
    package static func setExecution(
        of id: Int64, executor: String, executionID: String, at now: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE build_attempt SET executor = \(executor), execution_id = \(executionID), started_ms = \(now)
            WHERE id = \(id) AND ended_ms IS NULL
            """) == 1
    }

    /// Notes when a phase that the builder reports began; a phase that comes back keeps its first moment.
    package static func note(
        _ phase: BuildPhase, ofAttempt id: Int64, at now: Date, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO build_attempt_phase (attempt_id, phase, began_ms) VALUES (\(id), \(phase.rawValue), \(now))
            ON CONFLICT (attempt_id, phase) DO NOTHING
            """)
    }

    /// Notes that the builder has registered. False when the attempt has ended.
    package static func register(_ id: Int64, at now: Date, in transaction: any Transaction) throws -> Bool {
        try transaction.run(
            "UPDATE build_attempt SET registered_ms = \(now) WHERE id = \(id) AND ended_ms IS NULL") == 1
    }

    /// Moves the lease of a builder that has not registered yet.
    package static func awaitRegistration(
        of id: Int64, leaseUntil lease: Date, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            UPDATE build_attempt SET lease_expires_ms = \(lease)
            WHERE id = \(id) AND ended_ms IS NULL AND registered_ms IS NULL
            """)
    }

    /// Notes a sign of life that `manager` heard, and moves the lease. False when the attempt has ended.
    package static func renew(
        _ id: Int64, by manager: String, heartbeatAt: Date, leaseUntil lease: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE build_attempt SET manager = \(manager), heartbeat_ms = \(heartbeatAt), lease_expires_ms = \(lease)
            WHERE id = \(id) AND ended_ms IS NULL
            """) == 1
    }

    /// Gives a live attempt to another manager, who goes on with it under its own claim. False when it has ended.
    package static func adopt(
        _ id: Int64, by manager: String, leaseUntil lease: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE build_attempt SET manager = \(manager), lease_expires_ms = \(lease)
            WHERE id = \(id) AND ended_ms IS NULL
            """) == 1
    }

    /// Ends the attempt, if nobody has before. Only the caller that gets true may act on the outcome.
    package static func end(
        _ id: Int64, _ outcome: AttemptOutcome, because cause: BuildFailureNote? = nil, at now: Date,
        in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE build_attempt SET ended_ms = \(now), outcome = \(outcome.rawValue),
                error_code = \(cause?.code?.rawValue), cause = \(cause?.text)
            WHERE id = \(id) AND ended_ms IS NULL
            """) == 1
    }

    private static let columns: Query = """
        SELECT attempt.id, attempt.build_id, attempt.number, attempt.queue_item_id, attempt.queue_state_id,
            attempt.manager, attempt.executor, attempt.execution_id, attempt.created_ms, attempt.registered_ms,
            attempt.heartbeat_ms, attempt.lease_expires_ms, attempt.deadline_ms, attempt.ended_ms, build.uuid
        FROM build_attempt AS attempt JOIN build ON build.id = attempt.build_id
        """

    private static func attempt(_ row: Row) throws -> BuildAttempt {
        BuildAttempt(
            id: try row.integer("id"), buildID: try row.integer("build_id"),
            key: JobKey(buildUUID: try row.text("uuid"), attempt: try row.int("number")),
            claim: QueueItem.Claim(
                itemID: try row.integer("queue_item_id"), stateID: try row.text("queue_state_id")),
            manager: try row.text("manager"), executor: try row.textIfAny("executor"),
            executionID: try row.textIfAny("execution_id"), createdAt: try row.date("created_ms"),
            registeredAt: try row.dateIfAny("registered_ms"), heartbeatAt: try row.dateIfAny("heartbeat_ms"),
            leaseExpires: try row.date("lease_expires_ms"), deadline: try row.date("deadline_ms"),
            endedAt: try row.dateIfAny("ended_ms"))
    }
}
