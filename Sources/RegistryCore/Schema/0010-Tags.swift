package import SQL

/// Tags that can't be moved, the labels of manifests, and the indexes that keep a repository with millions of tag rows fast.
package let tagsMigration = Migration(10, "tags") { transaction in
    // is_current: the last row of its name, until it is moved or deleted. One that has only expired stays current.
    try transaction.create(
        "ALTER TABLE tag ADD COLUMN is_current INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE tag ADD COLUMN immutable INTEGER NOT NULL DEFAULT 0",
        """
        UPDATE tag SET is_current = 0 WHERE lifetime_end_ms IS NOT NULL
            AND id NOT IN (SELECT MAX(id) FROM tag GROUP BY repository_id, name)
        """)
    // Tags are listed in the order of their bytes: then the name's own order is the index's.
    if transaction.dialect == .postgres {
        try transaction.create("ALTER TABLE tag ALTER COLUMN name TYPE TEXT COLLATE \"C\"")
    }
    try transaction.create(
        // One tag, and the names of a repository. What a condition names stands in the index too: SQLite reads nothing
        // else then.
        """
        CREATE INDEX tag_current ON tag(repository_id, name, is_current, hidden, lifetime_end_ms)
            WHERE is_current = 1 AND hidden = 0
        """,
        // What is alive, the newest first.
        """
        CREATE INDEX tag_newest
            ON tag(repository_id, lifetime_start_ms DESC, name, id DESC, lifetime_end_ms, is_current, hidden)
            WHERE is_current = 1 AND hidden = 0
        """,
        // The history of a repository, and of one name.
        """
        CREATE INDEX tag_history ON tag(repository_id, lifetime_start_ms DESC, name, id DESC, hidden)
            WHERE hidden = 0
        """,
        """
        CREATE INDEX tag_history_of_name ON tag(repository_id, name, lifetime_start_ms DESC, id DESC, hidden)
            WHERE hidden = 0
        """,
        // source: manifest (the image's own), api or internal.
        """
        CREATE TABLE manifest_label (
            id {identity}, uuid TEXT NOT NULL UNIQUE,
            manifest_id {integer} NOT NULL REFERENCES manifest(id) ON DELETE CASCADE, key TEXT NOT NULL,
            value TEXT NOT NULL, source TEXT NOT NULL, media_type TEXT NOT NULL)
        """,
        "CREATE INDEX manifest_label_manifest ON manifest_label(manifest_id, key)",
        // pattern: a tag name, or a glob (Domain/Tags/TagPattern).
        """
        CREATE TABLE immutability_policy (
            id {identity}, uuid TEXT NOT NULL UNIQUE,
            repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE, pattern TEXT NOT NULL,
            created_ms {integer} NOT NULL, UNIQUE (repository_id, pattern))
        """)
}
