package import Foundation
package import OCI
package import SQL

/// All SQL on `manifest`, `manifest_blob` and `manifest_child`.
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
        try transaction.row(
            """
            WITH RECURSIVE holder(id) AS (
                SELECT id FROM manifest WHERE id = \(id)
                UNION
                SELECT link.parent FROM holder JOIN (
                    SELECT child_id AS child, manifest_id AS parent FROM manifest_child
                    UNION ALL
                    SELECT referrer.id AS child, subject.id AS parent FROM manifest AS referrer
                        JOIN manifest AS subject ON subject.repository_id = referrer.repository_id
                            AND subject.digest = referrer.subject_digest
                ) AS link ON link.child = holder.id)
            SELECT 1 AS found FROM tag JOIN holder ON holder.id = tag.manifest_id
            WHERE tag.lifetime_end_ms IS NULL OR tag.lifetime_end_ms > \(now) LIMIT 1
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
            RETURNING id
            """)
        guard let id else { throw DatabaseError(.statement, "A manifest was not written.") }
        return id
    }

    /// The blobs among `digests` that the repository may read, by digest.
    package static func linkedBlobs(
        _ digests: [Digest], inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> [String: Int64] {
        let rows = try transaction.rows(
            """
            SELECT blob.id, blob.digest FROM repository_blob JOIN blob ON blob.id = repository_blob.blob_id
            WHERE repository_blob.repository_id = \(repositoryID) AND blob.digest IN (\(list: digests.map(\.text)))
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

    private static func stored(_ row: Row) throws -> Stored {
        Stored(
            id: try row.integer("id"), digest: try Digest(try row.text("digest")),
            mediaType: try row.text("media_type"),
            body: try row.bytes("body"), configDigest: try row.textIfAny("config_digest"))
    }
}
