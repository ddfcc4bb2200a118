package import SQL

/// The archived logs of builds: each is one object, named by its row before it is written.
package let logArchivesMigration = Migration(17, "log archives") { transaction in
    try transaction.create(
        // stored_ms is NULL until the object counts: only then may the rows of the log go, and is_purged says that they have.
        // index_json: pairs of an entry's position and the byte at which a reader can enter the object there.
        """
        CREATE TABLE build_log_archive (
            build_id {integer} PRIMARY KEY REFERENCES build(id) ON DELETE CASCADE, location TEXT NOT NULL,
            object_key TEXT NOT NULL, created_ms {integer} NOT NULL, stored_ms {integer}, entry_count {integer},
            size_bytes {integer}, index_json TEXT, is_purged INTEGER NOT NULL DEFAULT 0)
        """,
        "CREATE INDEX build_log_archive_object ON build_log_archive(object_key)",
        "CREATE INDEX build_log_archive_unpurged ON build_log_archive(build_id) WHERE is_purged = 0",
        "CREATE INDEX build_unarchived ON build(id) WHERE logs_archived = 0")
}
