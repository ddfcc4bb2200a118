package import SQL

/// Stored bytes, which repositories may read them, and uploads under way.
package let blobsMigration = Migration(3, "blobs") { transaction in
    try transaction.create(
        // One row per digest and place; objects are deleted by location and key, never by digest alone.
        """
        CREATE TABLE blob (
            id {identity}, digest TEXT NOT NULL, size_bytes {integer} NOT NULL, location TEXT NOT NULL,
            object_key TEXT NOT NULL, created_ms {integer} NOT NULL, UNIQUE (digest, location))
        """,
        // A blob can be read only through a repository that links it. Until pinned_until_ms it is kept without a manifest.
        """
        CREATE TABLE repository_blob (
            repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE,
            blob_id {integer} NOT NULL REFERENCES blob(id), pinned_until_ms {integer} NOT NULL,
            PRIMARY KEY (repository_id, blob_id))
        """,
        "CREATE INDEX repository_blob_blob ON repository_blob(blob_id)",
        // subject is the caller that began the upload (Caller.name, or the delegate token): nobody else continues it.
        """
        CREATE TABLE blob_upload (
            uuid TEXT PRIMARY KEY, repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE,
            subject TEXT NOT NULL, algorithm TEXT NOT NULL, offset_bytes {integer} NOT NULL, location TEXT NOT NULL,
            object_key TEXT NOT NULL, created_ms {integer} NOT NULL, touched_ms {integer} NOT NULL)
        """,
        "CREATE INDEX blob_upload_touched ON blob_upload(touched_ms)",
        // Build packs that people upload: one PUT through a signed URL, then immutable.
        """
        CREATE TABLE user_file (
            uuid TEXT PRIMARY KEY, account_id {integer} NOT NULL REFERENCES account(id) ON DELETE CASCADE,
            repository_id {integer} REFERENCES repository(id) ON DELETE CASCADE, mime_type TEXT NOT NULL,
            size_bytes {integer}, checksum TEXT, location TEXT NOT NULL, object_key TEXT NOT NULL,
            created_ms {integer} NOT NULL, stored_ms {integer})
        """)
}
