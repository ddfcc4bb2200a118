import Domain
package import Foundation
package import SQL

/// The SQL on `tag` with which a build looks for the image whose layers it may reuse.
package enum CachedTagStore {
    /// The first of `names` that is alive in the repository, else its newest living tag; nil when it has none.
    /// Source: Quay 6.6, DetermineCachedTag.
    package static func find(
        among names: [String], inRepository repositoryID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> String? {
        let alive = try transaction.rows(
            """
            SELECT name FROM tag WHERE repository_id = \(repositoryID) AND hidden = 0 AND name IN (\(list: names))
                AND (lifetime_end_ms IS NULL OR lifetime_end_ms > \(now))
            """
        ).map { try $0.text("name") }
        if let first = names.first(where: alive.contains) { return first }
        return try transaction.row(
            """
            SELECT name FROM tag WHERE repository_id = \(repositoryID) AND hidden = 0
                AND (lifetime_end_ms IS NULL OR lifetime_end_ms > \(now))
            ORDER BY lifetime_start_ms DESC, id DESC LIMIT 1
            """)?.text("name")
    }
}
