import Domain
import Foundation
import Logging
package import Metrics
import Runtime
import SQL

/// How much work waits, as gauges by queue. Names are Quay's. Source: Quay 6.13.
package struct QueueGauges: Sendable {
    /// What each gauge means, for the text format.
    package static let help = [
        "quay_queue_items_available": "Items that could be worked on now, also behind one of the same name",
        "quay_queue_items_available_unlocked": "Items that the next worker could take",
        "quay_queue_items_locked": "Items that are being worked on",
    ]

    private let platform: Platform
    private let factory: any MetricsFactory

    package init(platform: Platform, factory: any MetricsFactory) {
        self.platform = platform
        self.factory = factory
    }

    /// Counts in the database. Where that fails, every gauge becomes NaN: an old number would look like a new one.
    package func measure() async {
        let now = platform.clock.now
        var loads: [String: WorkQueue.Load] = [:]
        var isKnown = true
        do { loads = try await platform.database.read { try WorkQueue.loads(at: now, in: $0) } } catch {
            platform.logger.error("The queues could not be counted: \(error)")
            isKnown = false
        }
        for root in QueueRoot.allCases {
            let load = loads[root.rawValue] ?? WorkQueue.Load()
            set("quay_queue_items_locked", root, isKnown ? Double(load.locked) : .nan)
            set("quay_queue_items_available", root, isKnown ? Double(load.available) : .nan)
            set("quay_queue_items_available_unlocked", root, isKnown ? Double(load.unlocked) : .nan)
        }
    }

    private func set(_ name: String, _ root: QueueRoot, _ value: Double) {
        Gauge(label: name, dimensions: [("queue_name", root.rawValue)], factory: factory).record(value)
    }
}

extension WorkQueue {
    /// How many items of a root are where.
    struct Load: Sendable, Hashable {
        var locked = 0
        var available = 0
        /// Of the available ones, those behind no running item of their name.
        var unlocked = 0
    }

    /// The loads by root; without the roots that have no items.
    static func loads(at now: Date, in transaction: any Transaction) throws -> [String: Load] {
        let rows = try transaction.rows(
            """
            SELECT root, SUM(running) AS locked, SUM(waiting) AS available, SUM(waiting * (1 - blocked)) AS unlocked
            FROM (SELECT root,
                    CASE WHEN available = 0 AND processing_expires_ms > \(now) THEN 1 ELSE 0 END AS running,
                    CASE WHEN retries_remaining > 0 AND available_after_ms <= \(now)
                        AND (available = 1 OR processing_expires_ms <= \(now)) THEN 1 ELSE 0 END AS waiting,
                    CASE WHEN EXISTS (SELECT 1 FROM queue_item AS other WHERE other.queue_name = item.queue_name
                        AND other.available = 0 AND other.processing_expires_ms > \(now)) THEN 1 ELSE 0 END AS blocked
                FROM queue_item AS item) AS places
            GROUP BY root
            """)
        return try Dictionary(
            rows.map { row in
                (
                    try row.text("root"),
                    Load(
                        locked: try row.int("locked"), available: try row.int("available"),
                        unlocked: try row.int("unlocked"))
                )
            }, uniquingKeysWith: { first, _ in first })
    }
}
