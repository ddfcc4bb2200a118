package import SQL

/// Manifests byte for byte, what they reach, and the tags that point at them.
package let manifestsMigration = Migration(4, "manifests") { transaction in
    try transaction.create(
        """
        CREATE TABLE manifest (
            id {identity}, repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE,
            digest TEXT NOT NULL, media_type TEXT NOT NULL, body {bytes} NOT NULL, config_digest TEXT,
            config_media_type TEXT, layers_size_bytes {integer}, subject_digest TEXT, artifact_type TEXT,
            annotations_json TEXT, created_ms {integer} NOT NULL, UNIQUE (repository_id, digest))
        """,
        "CREATE INDEX manifest_subject ON manifest(repository_id, subject_digest)",
        """
        CREATE TABLE manifest_blob (
            manifest_id {integer} NOT NULL REFERENCES manifest(id) ON DELETE CASCADE,
            blob_id {integer} NOT NULL REFERENCES blob(id), PRIMARY KEY (manifest_id, blob_id))
        """,
        "CREATE INDEX manifest_blob_blob ON manifest_blob(blob_id)",
        """
        CREATE TABLE manifest_child (
            manifest_id {integer} NOT NULL REFERENCES manifest(id) ON DELETE CASCADE,
            child_id {integer} NOT NULL REFERENCES manifest(id), PRIMARY KEY (manifest_id, child_id))
        """,
        "CREATE INDEX manifest_child_child ON manifest_child(child_id)",
        // One row per period in which a name pointed at a manifest; end NULL means until moved or deleted.
        """
        CREATE TABLE tag (
            id {identity}, repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE,
            name TEXT NOT NULL, manifest_id {integer} NOT NULL REFERENCES manifest(id),
            lifetime_start_ms {integer} NOT NULL, lifetime_end_ms {integer}, hidden INTEGER NOT NULL DEFAULT 0,
            reversion INTEGER NOT NULL DEFAULT 0)
        """,
        "CREATE INDEX tag_name ON tag(repository_id, name, lifetime_end_ms)",
        "CREATE UNIQUE INDEX tag_alive ON tag(repository_id, name) WHERE lifetime_end_ms IS NULL",
        "CREATE INDEX tag_manifest ON tag(manifest_id)")
}
