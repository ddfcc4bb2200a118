import Domain
import Foundation
import SQL

/// The SQL of `gc --dry-run`: what a repository has, without changing anything.
enum ForecastStore {
    /// A repository as the forecast needs it.
    struct RepositoryRow: Sendable {
        let id: Int64
        /// With the name that it had before it was deleted.
        let name: String
        let isDeleted: Bool
    }

    static func repositories(
        after last: Int64, limit: Int, in transaction: any Transaction
    ) throws -> [RepositoryRow] {
        try transaction.rows(
            """
            SELECT repository.id, COALESCE(lost.original_name, namespace.name) AS namespace,
                COALESCE(gone.original_name, repository.name) AS name,
                CASE WHEN gone.repository_id IS NULL AND lost.account_id IS NULL THEN 0 ELSE 1 END AS is_deleted
            FROM repository JOIN account AS namespace ON namespace.id = repository.namespace_id
                LEFT JOIN deleted_repository AS gone ON gone.repository_id = repository.id
                LEFT JOIN deleted_namespace AS lost ON lost.account_id = namespace.id
            WHERE repository.id > \(last) ORDER BY repository.id LIMIT \(limit)
            """
        ).map {
            RepositoryRow(
                id: try $0.integer("id"), name: "\(try $0.text("namespace"))/\(try $0.text("name"))",
                isDeleted: try $0.bool("is_deleted"))
        }
    }

    /// How many tag rows there are, how many are over at `now`, and the manifests that the others point at.
    static func tags(
        ofRepository id: Int64, at now: Date, in transaction: any Transaction
    ) throws -> (all: Int, overdue: Int, kept: Set<Int64>) {
        let rows = try transaction.rows(
            """
            SELECT tag.manifest_id, COUNT(*) AS number,
                CASE WHEN tag.lifetime_end_ms IS NULL THEN 1
                    WHEN tag.hidden = 1 AND tag.lifetime_end_ms > \(now) THEN 1
                    WHEN tag.hidden = 0 AND tag.lifetime_end_ms
                        > \(now) - CAST(namespace.removed_tag_expiration_s AS BIGINT) * 1000 THEN 1
                    ELSE 0 END AS is_kept
            FROM tag JOIN repository ON repository.id = tag.repository_id
                JOIN account AS namespace ON namespace.id = repository.namespace_id
            WHERE tag.repository_id = \(id) GROUP BY 1, 3
            """)
        var (all, overdue, kept) = (0, 0, Set<Int64>())
        for row in rows {
            let number = try row.int("number")
            all += number
            if try row.bool("is_kept") {
                kept.insert(try row.integer("manifest_id"))
            } else {
                overdue += number
            }
        }
        return (all, overdue, kept)
    }

    /// The repository's manifests, and what each of them holds: its children and its referrers.
    static func manifests(
        ofRepository id: Int64, in transaction: any Transaction
    ) throws -> (all: Set<Int64>, held: [Int64: [Int64]]) {
        let all = try transaction.rows("SELECT id FROM manifest WHERE repository_id = \(id)")
            .map { try $0.integer("id") }
        let edges = try transaction.rows(
            """
            SELECT link.manifest_id AS holder, link.child_id AS held FROM manifest
                JOIN manifest_child AS link ON link.manifest_id = manifest.id WHERE manifest.repository_id = \(id)
            UNION
            SELECT subject.id, referrer.id FROM manifest AS referrer
                JOIN manifest AS subject ON subject.repository_id = referrer.repository_id
                    AND subject.digest = referrer.subject_digest
            WHERE referrer.repository_id = \(id) AND referrer.subject_digest IS NOT NULL
            """)
        return (
            Set(all),
            try edges.reduce(into: [:]) {
                $0[try $1.integer("holder"), default: []].append(try $1.integer("held"))
            }
        )
    }

    /// The repository's links with the ends of their pins, and which manifests use each blob.
    static func links(
        ofRepository id: Int64, in transaction: any Transaction
    ) throws -> (pins: [Int64: Date], users: [Int64: [Int64]]) {
        let pins = try transaction.rows(
            "SELECT blob_id, pinned_until_ms FROM repository_blob WHERE repository_id = \(id)"
        ).map { (try $0.integer("blob_id"), try $0.date("pinned_until_ms")) }
        let users = try transaction.rows(
            """
            SELECT manifest_blob.blob_id, manifest_blob.manifest_id FROM manifest
                JOIN manifest_blob ON manifest_blob.manifest_id = manifest.id WHERE manifest.repository_id = \(id)
            """)
        return (
            Dictionary(pins, uniquingKeysWith: { $1 }),
            try users.reduce(into: [:]) {
                $0[try $1.integer("blob_id"), default: []].append(try $1.integer("manifest_id"))
            }
        )
    }

    /// The sizes of those of the blobs that as many repositories link as `going` says.
    static func freed(_ going: [Int64: Int], in transaction: any Transaction) throws -> [Int64: Int64] {
        var freed: [Int64: Int64] = [:]
        for ids in going.keys.sorted().chunks(of: GarbageStore.listLength) {
            let rows = try transaction.rows(
                """
                SELECT blob.id, blob.size_bytes, (SELECT COUNT(*) FROM repository_blob AS link
                    WHERE link.blob_id = blob.id) AS links
                FROM blob WHERE blob.id IN (\(list: ids))
                """)
            for row in rows where try row.int("links") == going[try row.integer("id")] {
                freed[try row.integer("id")] = try row.integer("size_bytes")
            }
        }
        return freed
    }
}
