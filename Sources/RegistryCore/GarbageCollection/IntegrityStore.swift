import Foundation
import OCI
import ObjectStorage
import SQL

/// The SQL of `fsck`: everything, page by page, and nothing that changes anything.
enum IntegrityStore {
    /// Blobs after `last`, in the order of their numbers.
    static func blobs(after last: Int64, limit: Int, in transaction: any Transaction) throws -> [Blob] {
        try transaction.rows(
            """
            SELECT id, digest, size_bytes, location, object_key FROM blob WHERE id > \(last) ORDER BY id LIMIT \(limit)
            """
        ).map(blob)
    }

    static func blob(_ id: Int64, in transaction: any Transaction) throws -> Blob? {
        try transaction.row("SELECT id, digest, size_bytes, location, object_key FROM blob WHERE id = \(id)").map(blob)
    }

    /// The names of repositories that link a blob, at most `limit`.
    static func repositories(linking blobID: Int64, limit: Int, in transaction: any Transaction) throws -> [String] {
        try transaction.rows(
            """
            SELECT namespace.name || '/' || repository.name AS name FROM repository_blob AS link
                JOIN repository ON repository.id = link.repository_id
                JOIN account AS namespace ON namespace.id = repository.namespace_id
            WHERE link.blob_id = \(blobID) ORDER BY link.repository_id LIMIT \(limit)
            """
        ).map { try $0.text("name") }
    }

    /// A manifest with what its rows say of it.
    struct ManifestRow: Sendable {
        let id: Int64
        let repository: String
        let digest: Digest
        let mediaType: String
        let body: [UInt8]
        /// The digests of the blobs that its rows name.
        var blobs: Set<String> = []
        /// The digests of the children that its rows name, or still wait for.
        var children: Set<String> = []
        /// The digests of blobs that its rows name and that its repository does not link.
        var unlinked: [String] = []
    }

    /// Manifests after `last`, in the order of their numbers.
    static func manifests(after last: Int64, limit: Int, in transaction: any Transaction) throws -> [ManifestRow] {
        try transaction.rows(
            """
            SELECT manifest.id, manifest.digest, manifest.media_type, manifest.body, manifest.repository_id,
                namespace.name || '/' || repository.name AS repository
            FROM manifest JOIN repository ON repository.id = manifest.repository_id
                JOIN account AS namespace ON namespace.id = repository.namespace_id
            WHERE manifest.id > \(last) ORDER BY manifest.id LIMIT \(limit)
            """
        ).map { row in
            let id = try row.integer("id")
            var manifest = ManifestRow(
                id: id, repository: try row.text("repository"), digest: try Digest(try row.text("digest")),
                mediaType: try row.text("media_type"), body: try row.bytes("body"))
            for blob in try blobs(ofManifest: id, repositoryID: row.integer("repository_id"), in: transaction) {
                manifest.blobs.insert(blob.digest)
                if !blob.isLinked { manifest.unlinked.append(blob.digest) }
            }
            manifest.children = try children(ofManifest: id, in: transaction)
            return manifest
        }
    }

    private static func blobs(
        ofManifest id: Int64, repositoryID: Int64, in transaction: any Transaction
    ) throws -> [(digest: String, isLinked: Bool)] {
        try transaction.rows(
            """
            SELECT blob.digest, CASE WHEN link.blob_id IS NULL THEN 0 ELSE 1 END AS is_linked
            FROM manifest_blob JOIN blob ON blob.id = manifest_blob.blob_id
                LEFT JOIN repository_blob AS link
                    ON link.blob_id = manifest_blob.blob_id AND link.repository_id = \(repositoryID)
            WHERE manifest_blob.manifest_id = \(id)
            """
        ).map { (try $0.text("digest"), try $0.bool("is_linked")) }
    }

    private static func children(ofManifest id: Int64, in transaction: any Transaction) throws -> Set<String> {
        Set(
            try transaction.rows(
                """
                SELECT child.digest FROM manifest_child JOIN manifest AS child ON child.id = manifest_child.child_id
                WHERE manifest_child.manifest_id = \(id)
                UNION
                SELECT digest FROM manifest_awaited WHERE manifest_id = \(id)
                """
            ).map { try $0.text("digest") })
    }

    /// Tags after `last` that point at a manifest of another repository than their own.
    static func strayTags(after last: Int64, limit: Int, in transaction: any Transaction) throws -> (
        [(id: Int64, name: String)], next: Int64?
    ) {
        let rows = try transaction.rows(
            """
            SELECT tag.id, tag.name, tag.repository_id, manifest.repository_id AS other
            FROM tag JOIN manifest ON manifest.id = tag.manifest_id
            WHERE tag.id > \(last) ORDER BY tag.id LIMIT \(limit)
            """)
        let strays = try rows.filter { try $0.integer("repository_id") != $0.integer("other") }
            .map { (try $0.integer("id"), try $0.text("name")) }
        return (strays, try rows.count < limit ? nil : rows.last?.integer("id"))
    }

    /// Those of the objects of a location that a row names: a blob's, an upload's, a build's file or log, or garbage that
    /// is to be removed.
    static func named(
        _ keys: [String], atLocation location: String, in transaction: any Transaction
    ) throws -> Set<String> {
        var named: Set<String> = []
        for keys in keys.chunks(of: GarbageStore.listLength) {
            for row in try transaction.rows(
                """
                SELECT object_key FROM blob WHERE location = \(location) AND object_key IN (\(list: keys))
                UNION SELECT object_key FROM blob_upload WHERE location = \(location) AND object_key IN (\(list: keys))
                UNION SELECT object_key FROM user_file WHERE location = \(location) AND object_key IN (\(list: keys))
                UNION SELECT object_key FROM build_log_archive
                    WHERE location = \(location) AND object_key IN (\(list: keys))
                UNION SELECT object_key FROM garbage_object WHERE location = \(location) AND object_key IN (\(list: keys))
                """)
            { named.insert(try row.text("object_key")) }
        }
        return named
    }

    /// Stored files of builds after `last`, in the order of their names.
    static func files(
        after last: String, limit: Int, in transaction: any Transaction
    ) throws -> [(uuid: String, location: String, key: String)] {
        try transaction.rows(
            """
            SELECT uuid, location, object_key FROM user_file
            WHERE uuid > \(last) AND stored_ms IS NOT NULL ORDER BY uuid LIMIT \(limit)
            """
        ).map { (try $0.text("uuid"), try $0.text("location"), try $0.text("object_key")) }
    }

    /// Archived logs of builds after the one with the number `last`, in the order of the builds.
    static func logArchives(
        after last: Int64, limit: Int, in transaction: any Transaction
    ) throws -> [(buildID: Int64, uuid: String, location: String, key: String)] {
        try transaction.rows(
            """
            SELECT archive.build_id, build.uuid, archive.location, archive.object_key FROM build_log_archive AS archive
                JOIN build ON build.id = archive.build_id
            WHERE archive.build_id > \(last) AND archive.stored_ms IS NOT NULL ORDER BY archive.build_id LIMIT \(limit)
            """
        ).map {
            (
                try $0.integer("build_id"), try $0.text("uuid"), try $0.text("location"), try $0.text("object_key")
            )
        }
    }

    private static func blob(_ row: Row) throws -> Blob {
        Blob(
            id: try row.integer("id"), digest: try Digest(try row.text("digest")),
            sizeBytes: try row.integer("size_bytes"), location: try row.text("location"),
            key: try ObjectKey(stored: try row.text("object_key")))
    }
}
