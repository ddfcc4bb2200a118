import Domain
import Foundation
package import SQL

/// All SQL on `quota_usage`, and the count that it is checked with.
package enum QuotaUsageStore {
    /// A namespace's row: never less than what the namespace holds.
    struct Tracked: Sendable, Hashable {
        let usage: QuotaUsage
        /// Something went away since the last count.
        let isReleased: Bool
        /// nil until the first count has ended.
        let counted: Date?
        let corrections: Int64
    }

    /// To be called by whatever ends tags or removes manifests, links to blobs, or repositories: says that the namespace
    /// may hold less now. Cheap, and without effect where nothing is measured.
    package static func released(inNamespace namespaceID: Int64, in transaction: any Transaction) throws {
        try transaction.run(
            "UPDATE quota_usage SET released = 1 WHERE namespace_id = \(namespaceID) AND released = 0")
    }

    /// The same for whatever removes in many repositories at once.
    package static func released(inRepositories ids: [Int64], in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE quota_usage SET released = 1 WHERE released = 0 AND namespace_id IN (
                SELECT namespace_id FROM repository WHERE id IN (\(list: ids)))
            """)
    }

    /// The same for manifests that are about to be removed.
    package static func released(manifests ids: [Int64], in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE quota_usage SET released = 1 WHERE released = 0 AND namespace_id IN (
                SELECT repository.namespace_id FROM manifest JOIN repository ON repository.id = manifest.repository_id
                WHERE manifest.id IN (\(list: ids)))
            """)
    }

    static func find(namespaceID: Int64, in transaction: any Transaction) throws -> Tracked? {
        try transaction.row(
            """
            SELECT size_bytes, tag_count, released, counted_ms, corrections FROM quota_usage
            WHERE namespace_id = \(namespaceID)
            """
        ).map(tracked)
    }

    /// Adds a push's growth; answers the row afterwards, nil when the namespace is not measured.
    static func add(
        _ growth: QuotaUsage, namespaceID: Int64, in transaction: any Transaction
    ) throws -> Tracked? {
        try transaction.row(
            """
            UPDATE quota_usage SET size_bytes = size_bytes + \(growth.bytes), tag_count = tag_count + \(growth.tags)
            WHERE namespace_id = \(namespaceID)
            RETURNING size_bytes, tag_count, released, counted_ms, corrections
            """
        ).map(tracked)
    }

    /// Begins to measure a namespace: from now on pushes add to its row.
    static func begin(namespaceID: Int64, in transaction: any Transaction) throws {
        try transaction.run(
            """
            INSERT INTO quota_usage (namespace_id, size_bytes, tag_count) VALUES (\(namespaceID), 0, 0)
            ON CONFLICT (namespace_id) DO NOTHING
            """)
    }

    /// Takes the right to count a namespace again; answers false when somebody did so since `moment` and nothing went
    /// away meanwhile.
    static func claimCount(
        namespaceID: Int64, olderThan moment: Date, at now: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE quota_usage SET released = 0, counted_ms = CASE WHEN counted_ms IS NULL THEN NULL ELSE \(now) END
            WHERE namespace_id = \(namespaceID) AND (released = 1 OR counted_ms IS NULL OR counted_ms < \(moment))
            """) == 1
    }

    /// Corrects a row by what a count found; without effect when another count did so first.
    static func correct(
        by difference: QuotaUsage, namespaceID: Int64, afterCorrections corrections: Int64, at now: Date,
        in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            UPDATE quota_usage SET size_bytes = size_bytes + \(difference.bytes),
                tag_count = tag_count + \(difference.tags), counted_ms = \(now), corrections = corrections + 1
            WHERE namespace_id = \(namespaceID) AND corrections = \(corrections)
            """)
    }

    /// Ends the measuring of a namespace.
    static func end(namespaceID: Int64, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM quota_usage WHERE namespace_id = \(namespaceID)")
    }

    /// Ends the measuring of every namespace; for a registry without quotas, whose pushes would pass it by.
    static func endAll(in transaction: any Transaction) throws -> Int { try transaction.run("DELETE FROM quota_usage") }

    /// Measured namespaces whose count is due: something went away, or the last one was before `moment`.
    static func due(before moment: Date, limit: Int, in transaction: any Transaction) throws -> [Int64] {
        try transaction.rows(
            """
            SELECT namespace_id FROM quota_usage
            WHERE released = 1 OR counted_ms IS NULL OR counted_ms < \(moment)
            ORDER BY counted_ms LIMIT \(limit)
            """
        ).map { try $0.integer("namespace_id") }
    }

    /// What a namespace really holds, by reading all of it: milliseconds for thousands of blobs, a second for a million.
    static func count(namespaceID: Int64, at now: Date, in transaction: any Transaction) throws -> QuotaUsage {
        let blobs = try transaction.number(
            """
            SELECT COALESCE(SUM(size_bytes), 0) FROM blob WHERE id IN (
                SELECT link.blob_id FROM repository JOIN repository_blob AS link ON link.repository_id = repository.id
                WHERE repository.namespace_id = \(namespaceID))
            """)
        let manifests = try transaction.number(
            """
            SELECT COALESCE(SUM(LENGTH(manifest.body)), 0) FROM repository
                JOIN manifest ON manifest.repository_id = repository.id
            WHERE repository.namespace_id = \(namespaceID)
            """)
        let tags = try transaction.number(
            """
            SELECT COUNT(*) FROM repository JOIN tag ON tag.repository_id = repository.id
            WHERE repository.namespace_id = \(namespaceID) AND tag.hidden = 0
                AND repository.state <> \(Repository.State.markedForDeletion.rawValue)
                AND (tag.lifetime_end_ms IS NULL OR tag.lifetime_end_ms > \(now))
            """)
        return QuotaUsage(bytes: (blobs ?? 0) + (manifests ?? 0), tags: tags ?? 0)
    }

    /// How many links of a blob are looked through for one in the namespace. A base layer that a hundred thousand
    /// repositories share must not make a push slow: beyond it the blob counts once more, until the next count.
    private static let mostLinks = 1000

    /// Whether a repository of the namespace is known to link the blob.
    static func holds(_ blobID: Int64, namespaceID: Int64, in transaction: any Transaction) throws -> Bool {
        try transaction.row(
            """
            SELECT 1 AS found FROM
                (SELECT repository_id FROM repository_blob WHERE blob_id = \(blobID) LIMIT \(mostLinks)) AS link
                JOIN repository ON repository.id = link.repository_id
            WHERE repository.namespace_id = \(namespaceID) LIMIT 1
            """) != nil
    }

    private static func tracked(_ row: Row) throws -> Tracked {
        Tracked(
            usage: QuotaUsage(bytes: try row.integer("size_bytes"), tags: try row.integer("tag_count")),
            isReleased: try row.bool("released"), counted: try row.dateIfAny("counted_ms"),
            corrections: try row.integer("corrections"))
    }
}
