package import Domain
package import Foundation
package import OCI
package import SQL

/// The SQL on `manifest`, `manifest_blob` and `manifest_child`; referrers have a store of their own.
package enum ManifestStore {
    /// A manifest's row.
    package struct Stored: Sendable, Hashable {
        package let id: Int64
        package let digest: Digest
        package let mediaType: String
        /// The exact bytes that were pushed.
        package let body: [UInt8]
        package let configDigest: String?
    }

    /// The manifest that a tag of the repository points at now, in one statement.
    package static func find(
        _ tag: TagName, inRepository repositoryID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> Stored? {
        try transaction.row(
            """
            SELECT manifest.id, manifest.digest, manifest.media_type, manifest.body, manifest.config_digest
            FROM tag JOIN manifest ON manifest.id = tag.manifest_id
            WHERE tag.repository_id = \(repositoryID) AND tag.name = \(tag.text)
                AND (tag.lifetime_end_ms IS NULL OR tag.lifetime_end_ms > \(now))
            ORDER BY tag.lifetime_start_ms DESC, tag.id DESC LIMIT 1
            """
        ).map(stored)
    }

    package static func find(
        _ digest: Digest, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> Stored? {
        try transaction.row(
            """
            SELECT id, digest, media_type, body, config_digest FROM manifest
            WHERE repository_id = \(repositoryID) AND digest = \(digest.text)
            """
        ).map(stored)
    }

    package static func find(id: Int64, in transaction: any Transaction) throws -> Stored? {
        try transaction.row("SELECT id, digest, media_type, body, config_digest FROM manifest WHERE id = \(id)").map(
            stored)
    }

    /// Whether a tag that is alive at `now` still reaches the manifest: itself, through an index, or through its subject.
    package static func isReachable(_ id: Int64, at now: Date, in transaction: any Transaction) throws -> Bool {
        if try isTagged(id, at: now, in: transaction) { return true }
        // One step goes one of two ways; written as outer joins, since engines look up neither half of a UNION by index.
        return try transaction.row(
            """
            WITH RECURSIVE holder(id) AS (
                SELECT id FROM manifest WHERE id = \(id)
                UNION
                SELECT COALESCE(parent.manifest_id, subject.id) FROM holder
                    CROSS JOIN (SELECT 0 AS by_subject UNION ALL SELECT 1 AS by_subject) AS way
                    LEFT JOIN manifest_child AS parent ON way.by_subject = 0 AND parent.child_id = holder.id
                    LEFT JOIN manifest AS referrer ON way.by_subject = 1 AND referrer.id = holder.id
                    LEFT JOIN manifest AS subject ON subject.repository_id = referrer.repository_id
                        AND subject.digest = referrer.subject_digest
                WHERE COALESCE(parent.manifest_id, subject.id) IS NOT NULL)
            SELECT 1 AS found FROM tag JOIN holder ON holder.id = tag.manifest_id
            WHERE tag.lifetime_end_ms IS NULL OR tag.lifetime_end_ms > \(now) LIMIT 1
            """) != nil
    }

    private static func isTagged(_ id: Int64, at now: Date, in transaction: any Transaction) throws -> Bool {
        try transaction.row(
            """
            SELECT 1 AS found FROM tag
            WHERE manifest_id = \(id) AND (lifetime_end_ms IS NULL OR lifetime_end_ms > \(now)) LIMIT 1
            """) != nil
    }

    /// Writes a manifest that is not there yet; answers its row's number.
    package static func insert(
        _ manifest: Manifest, digest: Digest, inRepository repositoryID: Int64, at now: Date,
        in transaction: any Transaction
    ) throws -> Int64 {
        var config: Descriptor?
        var layersSize: Int64?
        if case .image(let image) = manifest.content {
            config = image.config
            layersSize = image.layers.reduce(0) { $0 &+ $1.size }
        }
        let annotations = String(decoding: try JSONEncoder().encode(manifest.annotations), as: UTF8.self)
        let id = try transaction.number(
            """
            INSERT INTO manifest (repository_id, digest, media_type, body, config_digest, config_media_type,
                layers_size_bytes, subject_digest, artifact_type, annotations_json, created_ms)
            VALUES (\(repositoryID), \(digest.text), \(manifest.mediaType.text), \(manifest.bytes),
                \(config?.digest.text), \(config?.mediaType.text), \(layersSize), \(manifest.subject?.digest.text),
                \(manifest.artifactType), \(annotations), \(now))
            ON CONFLICT (repository_id, digest) DO NOTHING RETURNING id
            """)
        // On PostgreSQL a row that another push committed meanwhile makes this a conflict, and the transaction runs again.
        guard let id else { throw DatabaseError(.statement, "A manifest was not written.") }
        return id
    }

    /// The rows of the manifests among `digests` that the repository has, by digest.
    package static func ids(
        _ digests: [Digest], inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> [String: Int64] {
        let rows = try transaction.rows(
            """
            SELECT id, digest FROM manifest
            WHERE repository_id = \(repositoryID) AND digest IN (\(list: digests.map(\.text)))
            """)
        return try Dictionary(rows.map { (try $0.text("digest"), try $0.integer("id")) }, uniquingKeysWith: { $1 })
    }

    /// The blobs among `digests` that the repository may read, by digest.
    package static func linkedBlobs(
        _ digests: [Digest], inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> [String: Int64] {
        let rows = try transaction.rows(
            """
            SELECT blob.id, blob.digest FROM repository_blob JOIN blob ON blob.id = repository_blob.blob_id
            WHERE repository_blob.repository_id = \(repositoryID) AND repository_blob.hidden = 0
                AND blob.digest IN (\(list: digests.map(\.text)))
            """)
        return try Dictionary(rows.map { (try $0.text("digest"), try $0.integer("id")) }, uniquingKeysWith: { $1 })
    }

    package static func link(blobs: [Int64], to manifestID: Int64, in transaction: any Transaction) throws {
        for blob in blobs {
            try transaction.run(
                """
                INSERT INTO manifest_blob (manifest_id, blob_id, repository_id)
                    SELECT id, \(blob), repository_id FROM manifest WHERE id = \(manifestID)
                """)
        }
    }

    package static func link(children: [Int64], to manifestID: Int64, in transaction: any Transaction) throws {
        for child in children {
            try transaction.run("INSERT INTO manifest_child (manifest_id, child_id) VALUES (\(manifestID), \(child))")
        }
    }

    /// Notes the children of a sparse index that the repository doesn't have yet.
    package static func expect(
        children digests: [Digest], of manifestID: Int64, in transaction: any Transaction
    ) throws {
        for digest in digests {
            try transaction.run(
                "INSERT INTO manifest_awaited (manifest_id, digest) VALUES (\(manifestID), \(digest.text))")
        }
    }

    /// Makes a manifest that has just come the child of the sparse indexes that list it.
    package static func adopt(
        _ id: Int64, _ digest: Digest, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws {
        let parents = try transaction.rows(
            """
            DELETE FROM manifest_awaited WHERE digest = \(digest.text) AND manifest_id IN (
                SELECT manifest.id FROM manifest_awaited AS awaited JOIN manifest ON manifest.id = awaited.manifest_id
                WHERE awaited.digest = \(digest.text) AND manifest.repository_id = \(repositoryID))
            RETURNING manifest_id
            """)
        for parent in parents { try link(children: [id], to: try parent.integer("manifest_id"), in: transaction) }
    }

    /// Makes a manifest whole again that a tag is to reach once more: it is a referrer of its subject, and every blob that
    /// it or its children need can be read, whatever was deleted meanwhile. Whoever begins a tag calls this.
    package static func revive(
        _ id: Int64, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            UPDATE manifest SET subject_digest = detached_subject, detached_subject = NULL
            WHERE id = \(id) AND detached_subject IS NOT NULL
            """)
        try transaction.run(
            """
            UPDATE repository_blob SET hidden = 0
            WHERE repository_id = \(repositoryID) AND hidden = 1 AND blob_id IN (
                WITH RECURSIVE member(id) AS (
                    SELECT id FROM manifest WHERE id = \(id)
                    UNION SELECT link.child_id FROM manifest_child AS link JOIN member ON member.id = link.manifest_id)
                SELECT manifest_blob.blob_id FROM manifest_blob JOIN member ON member.id = manifest_blob.manifest_id)
            """)
    }

    /// Takes a referrer off its subject: from now on it lives by its own tags alone, until one is begun again.
    package static func detach(_ id: Int64, in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE manifest SET detached_subject = subject_digest, subject_digest = NULL
            WHERE id = \(id) AND subject_digest IS NOT NULL
            """)
    }

    /// The manifests that list `id` as a child.
    package static func parents(of id: Int64, in transaction: any Transaction) throws -> [Int64] {
        try transaction.rows("SELECT manifest_id FROM manifest_child WHERE child_id = \(id)").map {
            try $0.integer("manifest_id")
        }
    }

    /// Whether a manifest that is reachable at `now` needs the blob.
    package static func needs(
        blob blobID: Int64, inRepository repositoryID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> Bool {
        let users = try transaction.rows(
            """
            SELECT manifest.id FROM manifest_blob JOIN manifest ON manifest.id = manifest_blob.manifest_id
            WHERE manifest_blob.blob_id = \(blobID) AND manifest.repository_id = \(repositoryID)
            """)
        return try users.contains { try isReachable(try $0.integer("id"), at: now, in: transaction) }
    }

    private static func stored(_ row: Row) throws -> Stored {
        Stored(
            id: try row.integer("id"), digest: try Digest(try row.text("digest")),
            mediaType: try row.text("media_type"),
            body: try row.bytes("body"), configDigest: try row.textIfAny("config_digest"))
    }
}
