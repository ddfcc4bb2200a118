package import SQL

/// Shares of the workers: whose each queued item is, and when whoever it is had a turn last.
package let queueLanesMigration = Migration(15, "queue lanes") { transaction in
    try transaction.create(
        // Empty where no shares are kept, and in what an older version adds meanwhile: all that counts as one lane.
        "ALTER TABLE queue_item ADD COLUMN lane TEXT NOT NULL DEFAULT ''",
        // A row for each namespace that was ever served: few and short, so none is removed.
        """
        CREATE TABLE queue_lane (
            root TEXT NOT NULL, lane TEXT NOT NULL, served_ms {integer} NOT NULL, PRIMARY KEY (root, lane))
        """,
        // Everything that the choice of the next item asks, so that it is made from the index alone.
        """
        CREATE INDEX queue_item_line ON queue_item(root, lane, queue_name, id, retries_remaining, available,
            available_after_ms, processing_expires_ms)
        """)
    // What has run out of launches is removed when that happens from now on, so that the queue holds living work only.
    try transaction.run(
        "DELETE FROM queue_item WHERE root = 'dockerfilebuild' AND available = 1 AND retries_remaining <= 0")
    for row in try transaction.rows("SELECT id, queue_name FROM queue_item WHERE root = 'dockerfilebuild'") {
        // `dockerfilebuild/namespace/repository/`
        let segments = try row.text("queue_name").split(separator: "/")
        guard segments.count > 2 else { continue }
        try transaction.run(
            "UPDATE queue_item SET lane = \(String(segments[1])) WHERE id = \(try row.integer("id"))")
    }
}
