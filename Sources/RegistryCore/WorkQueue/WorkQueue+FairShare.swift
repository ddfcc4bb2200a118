package import Domain
package import Foundation
package import SQL

/// The order of ``ClaimRule/Order/fairShare``, as one question to the database.
extension WorkQueue {
    /// The first item of each name that the caller admits, in the order of their turn.
    ///
    /// As a rule the first few are enough; all are read only where none of those is admitted, which is while executors
    /// are down.
    static func heads(
        _ root: QueueRoot, at now: Date, _ admits: (QueueItem) -> Bool, in transaction: any Transaction
    ) throws -> [QueueItem] {
        let few = try heads(root, at: now, limit: ClaimRule.candidateLimit, in: transaction)
        let admitted = few.filter(admits)
        guard admitted.isEmpty, few.count == ClaimRule.candidateLimit else { return admitted }
        return try heads(root, at: now, limit: Int(Int32.max), in: transaction).filter(admits)
    }

    /// When the item waiting longest was added; nil when nothing waits.
    package static func oldestWaiting(of root: QueueRoot, in transaction: any Transaction) throws -> Date? {
        try transaction.row(
            """
            SELECT MIN(created_ms) AS oldest_ms FROM queue_item
            WHERE root = \(root.rawValue) AND available = 1 AND retries_remaining > 0
            """)?.dateIfAny("oldest_ms")
    }

    /// Notes that a lane has had its turn.
    static func serve(_ lane: String, of root: QueueRoot, at now: Date, in transaction: any Transaction) throws {
        try transaction.run(
            """
            INSERT INTO queue_lane (root, lane, served_ms) VALUES (\(root.rawValue), \(lane), \(now))
            ON CONFLICT (root, lane) DO UPDATE SET served_ms = excluded.served_ms
            """)
    }

    private static func heads(
        _ root: QueueRoot, at now: Date, limit: Int, in transaction: any Transaction
    ) throws -> [QueueItem] {
        // Innermost, from one index alone: for each name its oldest living item, its oldest claimable one, and how many
        // run. Where the first two are the same and none runs, that item is the name's turn.
        try transaction.rows(
            """
            \(columns) JOIN (
                SELECT lane, head, ready, running, SUM(running) OVER (PARTITION BY lane) AS share
                FROM (SELECT lane, queue_name, MIN(id) AS head,
                        MIN(CASE WHEN retries_remaining > 0 AND available_after_ms <= \(now)
                            AND (available = 1 OR processing_expires_ms <= \(now)) THEN id END) AS ready,
                        SUM(CASE WHEN available = 0 AND processing_expires_ms > \(now) THEN 1 ELSE 0 END) AS running
                    FROM queue_item WHERE root = \(root.rawValue)
                        AND (retries_remaining > 0 OR (available = 0 AND processing_expires_ms > \(now)))
                    GROUP BY lane, queue_name) AS line) AS place ON place.head = item.id
            LEFT JOIN queue_lane AS served ON served.root = \(root.rawValue) AND served.lane = place.lane
            WHERE place.running = 0 AND place.ready = place.head
            ORDER BY place.share, COALESCE(served.served_ms, 0), item.id LIMIT \(limit)
            """
        ).map(item)
    }
}
