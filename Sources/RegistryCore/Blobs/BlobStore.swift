import Foundation
package import OCI
package import ObjectStorage
package import SQL

/// A blob that is stored, and where.
package struct Blob: Sendable, Hashable {
    package let id: Int64
    package let digest: Digest
    package let sizeBytes: Int64
    package let location: String
    package let key: ObjectKey
}

/// All SQL on `blob` and `repository_blob`.
package enum BlobStore {
    /// The blob, if `repositoryID` links it: the only way in which bytes become readable.
    package static func find(
        _ digest: Digest, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> Blob? {
        try all(digest, inRepository: repositoryID, in: transaction).first?.blob
    }

    /// The blob in every location where `repositoryID` links it, each with the moment until which the repository keeps it
    /// without a manifest.
    static func all(
        _ digest: Digest, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> [(blob: Blob, pinnedUntil: Date)] {
        try transaction.rows(
            """
            SELECT blob.id, blob.digest, blob.size_bytes, blob.location, blob.object_key, link.pinned_until_ms FROM blob
                JOIN repository_blob AS link ON link.blob_id = blob.id
            WHERE blob.digest = \(digest.text) AND link.repository_id = \(repositoryID) AND link.hidden = 0
            ORDER BY blob.id
            """
        ).map { (try blob($0), try $0.date("pinned_until_ms")) }
    }

    /// Whether a repository has the blob, even if nobody may read it there any more.
    static func isLinked(_ blobID: Int64, toRepository repositoryID: Int64, in transaction: any Transaction) throws
        -> Bool
    {
        try transaction.row(
            "SELECT blob_id FROM repository_blob WHERE repository_id = \(repositoryID) AND blob_id = \(blobID)") != nil
    }

    /// The blob in a location, whoever links it: for storing bytes only once.
    package static func find(
        _ digest: Digest, atLocation location: String, in transaction: any Transaction
    ) throws -> Blob? {
        try transaction.row(
            """
            SELECT id, digest, size_bytes, location, object_key FROM blob
            WHERE digest = \(digest.text) AND location = \(location)
            """
        ).map(blob)
    }

    /// Writes a new blob; nil when the location already has one of that digest.
    static func insert(
        _ digest: Digest, sizeBytes: Int64, location: String, key: ObjectKey, at moment: Date,
        in transaction: any Transaction
    ) throws -> Blob? {
        try transaction.number(
            """
            INSERT INTO blob (digest, size_bytes, location, object_key, created_ms)
            VALUES (\(digest.text), \(sizeBytes), \(location), \(key.text), \(moment))
            ON CONFLICT (digest, location) DO NOTHING RETURNING id
            """
        ).map { Blob(id: $0, digest: digest, sizeBytes: sizeBytes, location: location, key: key) }
    }

    /// Says that the bytes of a blob are now another object: its own was lost. What is left of that is garbage; nothing
    /// happens when another upload was faster, or the blob is gone.
    static func move(_ blob: Blob, to key: ObjectKey, at moment: Date, in transaction: any Transaction) throws {
        let moved = try transaction.run(
            "UPDATE blob SET object_key = \(key.text) WHERE id = \(blob.id) AND object_key = \(blob.key.text)")
        guard moved == 1 else { return }
        try GarbageStore.discard(
            objectKey: blob.key.text, location: blob.location, sizeBytes: blob.sizeBytes, at: moment, in: transaction)
    }

    /// Makes the blob readable in a repository, and keeps it there until `moment` at least, with or without a manifest.
    static func link(
        _ blobID: Int64, toRepository repositoryID: Int64, pinnedUntil moment: Date, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO repository_blob (repository_id, blob_id, pinned_until_ms)
            VALUES (\(repositoryID), \(blobID), \(moment))
            ON CONFLICT (repository_id, blob_id) DO UPDATE SET hidden = 0, pinned_until_ms =
                CASE WHEN excluded.pinned_until_ms > repository_blob.pinned_until_ms
                    THEN excluded.pinned_until_ms ELSE repository_blob.pinned_until_ms END
            """)
    }

    /// Makes the blob unreadable in a repository. The link stays for the removed tags that may be restored, and the
    /// collector takes it when there are none.
    static func hide(_ blobID: Int64, inRepository repositoryID: Int64, in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE repository_blob SET hidden = 1, pinned_until_ms = 1
            WHERE repository_id = \(repositoryID) AND blob_id = \(blobID)
            """)
    }

    /// The repositories that link a blob of this digest, oldest first, at most `limit`.
    static func repositories(linking digest: Digest, limit: Int, in transaction: any Transaction) throws -> [Int64] {
        try transaction.rows(
            """
            SELECT DISTINCT link.repository_id FROM repository_blob AS link JOIN blob ON blob.id = link.blob_id
            WHERE blob.digest = \(digest.text) AND link.hidden = 0 ORDER BY link.repository_id LIMIT \(limit)
            """
        ).map { try $0.integer("repository_id") }
    }

    /// Whether any blob is stored as the object `key`.
    static func hasObject(_ key: ObjectKey, atLocation location: String, in transaction: any Transaction) throws -> Bool
    {
        try transaction.row("SELECT id FROM blob WHERE object_key = \(key.text) AND location = \(location)") != nil
    }

    private static func blob(_ row: Row) throws -> Blob {
        do {
            return Blob(
                id: try row.integer("id"), digest: try Digest(try row.text("digest")),
                sizeBytes: try row.integer("size_bytes"), location: try row.text("location"),
                key: try ObjectKey(stored: try row.text("object_key")))
        } catch let error as DatabaseError {
            throw error
        } catch { throw DatabaseError(.decoding, "Blob \(try row.integer("id")) has a broken digest or key: \(error)") }
    }
}
