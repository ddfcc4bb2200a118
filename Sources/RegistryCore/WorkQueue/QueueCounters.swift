package import Domain
import Metrics

/// Counts what is done with the work queue. Names and labels are Quay's. Source: Quay 6.13.
///
/// Counted when it is asked for: a transaction that runs twice counts twice, and one that is rolled back counts too.
package enum QueueCounters {
    /// What each counter means, for the text format.
    package static let help = [
        "quay_queue_item_puts_total": "Items that were added to a queue",
        "quay_queue_item_gets_total": "Attempts to take an item, by how they ended",
        "quay_queue_item_deletes_total": "Items that were taken away, done or given up",
    ]

    /// How an attempt to take an item ended. The words, one of them misspelt, are Quay's.
    enum Availability: String {
        case acquired
        /// Somebody else was faster.
        case claimed
        case nonexistent = "nonexistant"
    }

    /// Makes a queue's counters, so that the first increase of each is seen as one.
    package static func introduce(_ root: QueueRoot) {
        for (label, dimensions) in [
            ("quay_queue_item_puts_total", [("queue_name", root.rawValue)]),
            ("quay_queue_item_deletes_total", [("queue_name", root.rawValue)]),
        ]
            + [Availability.acquired, .claimed, .nonexistent].map({
                ("quay_queue_item_gets_total", [("queue_name", root.rawValue), ("availability", $0.rawValue)])
            })
        {
            _ = Counter(label: label, dimensions: dimensions)
        }
    }

    static func put(_ root: QueueRoot) { count("quay_queue_item_puts_total", [("queue_name", root.rawValue)]) }

    static func got(_ root: QueueRoot, _ availability: Availability) {
        count(
            "quay_queue_item_gets_total", [("queue_name", root.rawValue), ("availability", availability.rawValue)])
    }

    static func deleted(_ root: String) { count("quay_queue_item_deletes_total", [("queue_name", root)]) }

    private static func count(_ label: String, _ dimensions: [(String, String)]) {
        Counter(label: label, dimensions: dimensions).increment()
    }
}
