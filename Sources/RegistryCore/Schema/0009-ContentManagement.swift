package import SQL

/// What deleting, listing referrers and the catalog ask of the tables.
package let contentManagementMigration = Migration(9, "content management") { transaction in
    // PostgreSQL sorts text by the database's language unless told otherwise; the protocol wants the order of bytes.
    let bytes = transaction.dialect == .postgres ? " COLLATE \"C\"" : ""
    try transaction.create(
        // A blob that was deleted while only removed tags still use it: unreadable, but there when a tag is restored.
        "ALTER TABLE repository_blob ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX manifest_referrer ON manifest(repository_id, subject_digest, digest)",
        "DROP INDEX manifest_subject",
        // Children that a sparse index names and that are not here yet: they become children when they are pushed.
        """
        CREATE TABLE manifest_awaited (
            manifest_id {integer} NOT NULL REFERENCES manifest(id) ON DELETE CASCADE, digest TEXT NOT NULL,
            PRIMARY KEY (manifest_id, digest))
        """,
        "CREATE INDEX manifest_awaited_digest ON manifest_awaited(digest)",
        // The catalog goes through namespaces and their repositories in the order of full names.
        "CREATE INDEX account_catalog ON account((name || '/')\(bytes))",
        "CREATE INDEX repository_catalog ON repository(namespace_id, name\(bytes))",
        "CREATE INDEX repository_public ON repository(namespace_id, name\(bytes)) WHERE visibility = 'public'")
}
