package import SQL

/// What the collector needs: who may collect, what it must look at, and which objects it still has to remove.
package let garbageCollectionMigration = Migration(7, "garbage collection") { transaction in
    try transaction.create(
        // Objects that no row names any more: written with the change that took their row away, removed once the location
        // has really lost them. has_upload: the upload that was to become the object goes as well.
        """
        CREATE TABLE garbage_object (
            id {identity}, location TEXT NOT NULL, object_key TEXT NOT NULL, has_upload INTEGER NOT NULL DEFAULT 0,
            size_bytes {integer} NOT NULL, created_ms {integer} NOT NULL)
        """,
        // Manifests that lost something which held them. Each is looked at once: then it goes, or its row here does.
        """
        CREATE TABLE manifest_candidate (
            manifest_id {integer} PRIMARY KEY REFERENCES manifest(id) ON DELETE CASCADE)
        """,
        // One process at a time does a step of this name.
        """
        CREATE TABLE step_lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, expires_ms {integer} NOT NULL)
        """,
        // A deleted repository or namespace until its content is gone. Before purge_after_ms nothing of it goes.
        """
        CREATE TABLE deleted_repository (
            repository_id {integer} PRIMARY KEY REFERENCES repository(id) ON DELETE CASCADE,
            original_name TEXT NOT NULL, marked_ms {integer} NOT NULL, purge_after_ms {integer} NOT NULL)
        """,
        """
        CREATE TABLE deleted_namespace (
            account_id {integer} PRIMARY KEY REFERENCES account(id) ON DELETE CASCADE,
            original_name TEXT NOT NULL, original_email TEXT, marked_ms {integer} NOT NULL,
            purge_after_ms {integer} NOT NULL)
        """,
        // The manifest's own repository: whether a repository uses a blob is asked of blobs that a million others share.
        "ALTER TABLE manifest_blob ADD COLUMN repository_id {integer}",
        """
        UPDATE manifest_blob SET repository_id =
            (SELECT manifest.repository_id FROM manifest WHERE manifest.id = manifest_blob.manifest_id)
        """,
        "CREATE INDEX manifest_blob_repository ON manifest_blob(blob_id, repository_id)",
        "DROP INDEX manifest_blob_blob",
        "CREATE INDEX tag_ended ON tag(repository_id, lifetime_end_ms) WHERE hidden = 0",
        "CREATE INDEX tag_hidden_end ON tag(lifetime_end_ms) WHERE hidden = 1",
        // pinned_until_ms 0: a manifest holds the link, and nobody need look at it.
        "CREATE INDEX repository_blob_due ON repository_blob(pinned_until_ms) WHERE pinned_until_ms > 0",
        "CREATE INDEX blob_upload_repository ON blob_upload(repository_id)",
        "CREATE INDEX user_file_repository ON user_file(repository_id)",
        "CREATE INDEX delegate_token_repository ON delegate_token(repository_id)",
        // What stands already was never looked at.
        "INSERT INTO manifest_candidate (manifest_id) SELECT id FROM manifest",
        "UPDATE repository_blob SET pinned_until_ms = 1 WHERE pinned_until_ms = 0",
        """
        INSERT INTO deleted_repository (repository_id, original_name, marked_ms, purge_after_ms)
            SELECT id, name, created_ms, created_ms FROM repository WHERE state = 3
        """)
}
