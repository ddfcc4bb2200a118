package import Domain
package import Foundation
package import SQL

/// All SQL on `queue_item`: work that survives every crash, claimed by one worker at a time.
///
/// Every function runs in the caller's transaction, so that work and its cause, or its result, are kept together.
/// Source: Quay 6.2.
package enum WorkQueue {
    /// Adds an item and wakes the workers of its root. Answers the item's id.
    /// - Parameters:
    ///   - retries: how often it may be claimed in all.
    ///   - stateID: a fresh uuid.
    @discardableResult
    package static func put(
        _ body: String, to name: QueueName, retries: Int = 5, availableAfter: Date? = nil, stateID: String, now: Date,
        in transaction: any Transaction
    ) throws -> Int64 {
        let id = try transaction.number(
            """
            INSERT INTO queue_item (root, queue_name, lane, body, available_after_ms, retries_remaining, state_id,
                created_ms)
            VALUES (\(name.root.rawValue), \(name.text), \(name.lane), \(body), \(availableAfter ?? now), \(retries),
                \(stateID), \(now))
            RETURNING id
            """)
        guard let id else { throw DatabaseError(.decoding, "An inserted queue item answered no id.") }
        try transaction.notify(name.root.signal)
        QueueCounters.put(name.root)
        return id
    }

    /// Takes the next item of `root` for `duration`; nil when there is nothing to do now. Uses up one of its retries.
    /// - Parameters:
    ///   - stateID: a fresh uuid, which becomes the claim.
    ///   - chance: a random number from 0 up to 1, for ``ClaimRule/Order/anyOfTheOldest``.
    ///   - admits: whether the caller can do anything for an item now; what it refuses stays where it is.
    package static func claim(
        _ root: QueueRoot, for duration: Duration, order: ClaimRule.Order, at now: Date, stateID: String,
        chance: Double = 0, admitting admits: (QueueItem) -> Bool = { _ in true }, in transaction: any Transaction
    ) throws -> QueueItem? {
        let rule = ClaimRule(at: now, order: order)
        var passedOver: Set<Int64> = []
        let candidates = try candidates(root, rule, admits, in: transaction)
        while let item = rule.pick(from: candidates.filter { !passedOver.contains($0.id) }, chance: chance) {
            let expires = now.addingTimeInterval(duration.seconds)
            let claimed = try transaction.run(
                """
                UPDATE queue_item SET available = 0, processing_expires_ms = \(expires), state_id = \(stateID),
                    retries_remaining = retries_remaining - 1
                WHERE id = \(item.id) AND state_id = \(item.stateID)
                """)
            if claimed == 1 {
                QueueCounters.got(root, .acquired)
                if order == .fairShare { try serve(item.lane, of: root, at: now, in: transaction) }
                return QueueItem(
                    id: item.id, name: item.name, lane: item.lane, body: item.body,
                    availableAfter: item.availableAfter, isAvailable: false, processingExpires: expires,
                    retriesRemaining: item.retriesRemaining - 1, stateID: stateID)
            }
            QueueCounters.got(root, .claimed)
            passedOver.insert(item.id)
        }
        QueueCounters.got(root, .nonexistent)
        return nil
    }

    /// The items that ``ClaimRule`` would let be claimed now and that the caller admits, in the order of their turn.
    static func candidates(
        _ root: QueueRoot, _ rule: ClaimRule, _ admits: (QueueItem) -> Bool, in transaction: any Transaction
    ) throws -> [QueueItem] {
        switch rule.order {
        case .anyOfTheOldest: try oldest(root, at: rule.now, in: transaction).filter(admits)
        case .fairShare: try heads(root, at: rule.now, admits, in: transaction)
        }
    }

    /// The work is done: the item goes. False when the claim was no longer the item's.
    @discardableResult
    package static func complete(_ claim: QueueItem.Claim, in transaction: any Transaction) throws -> Bool {
        let removed = try transaction.row(
            """
            DELETE FROM queue_item WHERE id = \(claim.itemID) AND state_id = \(claim.stateID) RETURNING root
            """)
        if let removed { QueueCounters.deleted(try removed.text("root")) }
        return try wakeNext(after: removed, in: transaction)
    }

    /// Gives the item back, to be claimed again at `moment`. False when the claim was no longer the item's.
    /// - Parameter stateID: a fresh uuid, so that the old claim is dead.
    @discardableResult
    package static func incomplete(
        _ claim: QueueItem.Claim, availableAfter moment: Date, restoringRetry: Bool, stateID: String,
        in transaction: any Transaction
    ) throws -> Bool {
        let returned = try transaction.row(
            """
            UPDATE queue_item SET available = 1, processing_expires_ms = NULL, available_after_ms = \(moment),
                retries_remaining = retries_remaining + \(restoringRetry ? 1 : 0), state_id = \(stateID)
            WHERE id = \(claim.itemID) AND state_id = \(claim.stateID) RETURNING root
            """)
        return try wakeNext(after: returned, in: transaction)
    }

    /// Moves the moment at which the holder is taken for dead, if that moves it by more than `minimum`.
    /// False when the claim was no longer the item's.
    package static func extend(
        _ claim: QueueItem.Claim, until moment: Date, minimum: Duration = .seconds(20), in transaction: any Transaction
    ) throws -> Bool {
        let row = try transaction.row(
            """
            SELECT processing_expires_ms FROM queue_item
            WHERE id = \(claim.itemID) AND state_id = \(claim.stateID) AND available = 0
            """)
        guard let row else { return false }
        let current = try row.dateIfAny("processing_expires_ms") ?? .distantPast
        guard moment.timeIntervalSince(current) > minimum.seconds else { return true }
        return try transaction.run(
            """
            UPDATE queue_item SET processing_expires_ms = \(moment)
            WHERE id = \(claim.itemID) AND state_id = \(claim.stateID)
            """) == 1
    }

    /// Takes an item away, whoever may be working on it. False when there was none.
    @discardableResult
    package static func remove(_ id: Int64, in transaction: any Transaction) throws -> Bool {
        let removed = try transaction.row("DELETE FROM queue_item WHERE id = \(id) RETURNING root")
        if let removed { QueueCounters.deleted(try removed.text("root")) }
        return try wakeNext(after: removed, in: transaction)
    }

    /// What waited behind an item of the same name can be claimed now.
    private static func wakeNext(after item: Row?, in transaction: any Transaction) throws -> Bool {
        guard let item else { return false }
        if let root = QueueRoot(rawValue: try item.text("root")) { try transaction.notify(root.signal) }
        return true
    }

    /// Whether the item will be claimed again, or is being worked on with a retry left. False when it is gone.
    package static func hasRetriesLeft(_ id: Int64, in transaction: any Transaction) throws -> Bool {
        try transaction.row("SELECT 1 AS found FROM queue_item WHERE id = \(id) AND retries_remaining > 0") != nil
    }

    /// How many items of a name's lane wait or are worked on; what has run out of retries doesn't count.
    package static func aliveCount(inLaneOf name: QueueName, at now: Date, in transaction: any Transaction) throws
        -> Int
    {
        Int(
            try transaction.number(
                """
                SELECT COUNT(*) FROM queue_item WHERE root = \(name.root.rawValue) AND lane = \(name.lane)
                    AND (retries_remaining > 0 OR (available = 0 AND processing_expires_ms > \(now)))
                """) ?? 0)
    }

    /// When something of `root` becomes claimable that isn't now; nil when nothing waits.
    package static func nextAvailability(
        of root: QueueRoot, after now: Date, in transaction: any Transaction
    ) throws -> Date? {
        try transaction.row(
            """
            SELECT MIN(CASE WHEN available = 1 THEN available_after_ms ELSE processing_expires_ms END) AS next_ms
            FROM queue_item WHERE root = \(root.rawValue) AND retries_remaining > 0
                AND (CASE WHEN available = 1 THEN available_after_ms ELSE processing_expires_ms END) > \(now)
            """)?.dateIfAny("next_ms")
    }

    package static func find(_ id: Int64, in transaction: any Transaction) throws -> QueueItem? {
        try transaction.row("\(columns) WHERE item.id = \(id)").map(item)
    }

    /// The oldest items that can be claimed, oldest first.
    private static func oldest(
        _ root: QueueRoot, at now: Date, in transaction: any Transaction
    ) throws -> [QueueItem] {
        try transaction.rows(
            """
            \(columns) WHERE item.root = \(root.rawValue) AND item.available_after_ms <= \(now)
                AND item.retries_remaining > 0 AND (item.available = 1 OR item.processing_expires_ms <= \(now))
                AND NOT EXISTS (SELECT 1 FROM queue_item AS running WHERE running.queue_name = item.queue_name
                    AND running.available = 0 AND running.processing_expires_ms > \(now))
            ORDER BY item.id LIMIT \(ClaimRule.candidateLimit)
            """
        ).map(item)
    }

    static let columns: Query = """
        SELECT item.id, item.queue_name, item.lane, item.body, item.available_after_ms, item.available,
            item.processing_expires_ms, item.retries_remaining, item.state_id
        FROM queue_item AS item
        """

    static func item(_ row: Row) throws -> QueueItem {
        QueueItem(
            id: try row.integer("id"), name: try row.text("queue_name"), lane: try row.text("lane"),
            body: try row.text("body"),
            availableAfter: try row.date("available_after_ms"), isAvailable: try row.bool("available"),
            processingExpires: try row.dateIfAny("processing_expires_ms"),
            retriesRemaining: try row.int("retries_remaining"), stateID: try row.text("state_id"))
    }
}

extension QueueRoot {
    /// The wake-up of the workers that claim from this root.
    package var signal: Signal {
        switch self {
        case .dockerfileBuild: Signal("queue_dockerfilebuild")
        case .notification: Signal("queue_notification")
        case .exportActionLogs: Signal("queue_exportactionlogs")
        case .imageStorageReplication: Signal("queue_imagestoragereplication")
        case .chunkCleanup: Signal("queue_chunk_cleanup")
        case .namespaceCollection: Signal("queue_namespacegc")
        case .repositoryCollection: Signal("queue_repositorygc")
        case .securityScan: Signal("queue_secscanv4")
        }
    }
}

extension Duration {
    /// This duration in seconds, as `Date` counts them.
    package var seconds: TimeInterval {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
