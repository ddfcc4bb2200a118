package import Foundation
package import SQL

/// The SQL of garbage collection on links, blobs, and the objects that are left when their rows have gone.
extension GarbageStore {
    /// A link whose pin is over, and whether a manifest of its repository uses the blob.
    struct DueLink: Sendable, Hashable {
        let link: BlobLink
        let isUsed: Bool
    }

    /// Links whose pin is over and that were not looked at since, oldest pin first.
    static func dueLinks(at now: Date, limit: Int, in transaction: any Transaction) throws -> [DueLink] {
        // Rows without a repository were written by the version before, which did not know the column.
        try transaction.rows(
            """
            SELECT link.repository_id, link.blob_id,
                CASE WHEN EXISTS (SELECT 1 FROM manifest_blob AS used
                        WHERE used.blob_id = link.blob_id AND used.repository_id = link.repository_id)
                    OR EXISTS (SELECT 1 FROM manifest_blob AS used JOIN manifest ON manifest.id = used.manifest_id
                        WHERE used.blob_id = link.blob_id AND used.repository_id IS NULL
                            AND manifest.repository_id = link.repository_id)
                    THEN 1 ELSE 0 END AS is_used
            FROM repository_blob AS link WHERE link.pinned_until_ms > 0 AND link.pinned_until_ms <= \(now)
            ORDER BY link.pinned_until_ms LIMIT \(limit)
            """
        ).map {
            DueLink(
                link: BlobLink(repositoryID: try $0.integer("repository_id"), blobID: try $0.integer("blob_id")),
                isUsed: try $0.bool("is_used"))
        }
    }

    /// Makes those links of the next repository due that no manifest uses although they look held; answers the repository.
    static func doubtLinks(ofRepositoryAfter last: Int64, in transaction: any Transaction) throws -> Int64? {
        guard
            let id = try transaction.number(
                "SELECT repository_id FROM repository_blob WHERE repository_id > \(last) ORDER BY repository_id LIMIT 1"
            )
        else { return nil }
        try transaction.run(
            """
            UPDATE repository_blob SET pinned_until_ms = 1 WHERE repository_id = \(id) AND pinned_until_ms = 0
                AND NOT EXISTS (SELECT 1 FROM manifest_blob AS used
                    WHERE used.blob_id = repository_blob.blob_id AND used.repository_id = repository_blob.repository_id)
            """)
        return id
    }

    /// Says that a manifest holds these links: nobody need look at them until it goes.
    static func settle(_ links: [BlobLink], in transaction: any Transaction) throws {
        for (repositoryID, links) in Dictionary(grouping: links, by: \.repositoryID) {
            try transaction.run(
                """
                UPDATE repository_blob SET pinned_until_ms = 0
                WHERE repository_id = \(repositoryID) AND blob_id IN (\(list: links.map(\.blobID)))
                """)
        }
    }

    /// Takes the links away, and the blobs that no repository links any more.
    static func unlink(_ links: [BlobLink], at now: Date, in transaction: any Transaction) throws -> FreedBlobs {
        for (repositoryID, links) in Dictionary(grouping: links, by: \.repositoryID) {
            try transaction.run(
                """
                DELETE FROM repository_blob
                WHERE repository_id = \(repositoryID) AND blob_id IN (\(list: links.map(\.blobID)))
                """)
        }
        try QuotaUsageStore.released(inRepositories: Array(Set(links.map(\.repositoryID))), in: transaction)
        return try free(blobs: links.map(\.blobID), at: now, in: transaction)
    }

    /// Takes those of the blobs away that no repository links; their objects become garbage in the same transaction.
    static func free(blobs: [Int64], at now: Date, in transaction: any Transaction) throws -> FreedBlobs {
        var freed = FreedBlobs()
        for ids in Array(Set(blobs)).sorted().chunks(of: listLength) {
            let rows = try transaction.rows(
                """
                DELETE FROM blob WHERE id IN (\(list: ids))
                    AND NOT EXISTS (SELECT 1 FROM repository_blob WHERE repository_blob.blob_id = blob.id)
                    AND NOT EXISTS (SELECT 1 FROM manifest_blob WHERE manifest_blob.blob_id = blob.id)
                RETURNING location, object_key, size_bytes
                """)
            for row in rows {
                let size = try row.integer("size_bytes")
                try discard(
                    objectKey: try row.text("object_key"), location: try row.text("location"), sizeBytes: size,
                    at: now, in: transaction)
                freed.add(FreedBlobs(count: 1, bytes: size))
            }
        }
        return freed
    }

    /// Blobs after `last` that no repository links, in the order of their numbers: what a version before left.
    static func unlinkedBlobs(after last: Int64, limit: Int, in transaction: any Transaction) throws -> [Int64] {
        try transaction.rows(
            """
            SELECT blob.id FROM blob WHERE blob.id > \(last)
                AND NOT EXISTS (SELECT 1 FROM repository_blob WHERE repository_blob.blob_id = blob.id)
                AND NOT EXISTS (SELECT 1 FROM manifest_blob WHERE manifest_blob.blob_id = blob.id)
            ORDER BY blob.id LIMIT \(limit)
            """
        ).map { try $0.integer("id") }
    }

    /// Hands an object that no row names from now on to the collector; in the transaction that takes its row away.
    /// - Parameter withUpload: whether there may be an upload that was to become the object.
    package static func discard(
        objectKey: String, location: String, withUpload: Bool = false, sizeBytes: Int64 = 0, at now: Date,
        in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO garbage_object (location, object_key, has_upload, size_bytes, created_ms)
            VALUES (\(location), \(objectKey), \(withUpload), \(sizeBytes), \(now))
            """)
    }

    /// An object that is to be removed.
    struct Garbage: Sendable, Hashable {
        let id: Int64
        let location: String
        let objectKey: String
        let hasUpload: Bool
    }

    static func garbage(after last: Int64, limit: Int, in transaction: any Transaction) throws -> [Garbage] {
        try transaction.rows(
            """
            SELECT id, location, object_key, has_upload FROM garbage_object
            WHERE id > \(last) ORDER BY id LIMIT \(limit)
            """
        ).map {
            Garbage(
                id: try $0.integer("id"), location: try $0.text("location"), objectKey: try $0.text("object_key"),
                hasUpload: try $0.bool("has_upload"))
        }
    }

    static func forget(garbage ids: [Int64], in transaction: any Transaction) throws {
        for ids in ids.chunks(of: listLength) {
            try transaction.run("DELETE FROM garbage_object WHERE id IN (\(list: ids))")
        }
    }
}
