package import SQL

/// What happened in repositories, for those who asked to be told; and when what happened to each launch of a build.
package let eventsAndTimelineMigration = Migration(16, "events and timeline") { transaction in
    try transaction.create(
        // Written with what it tells of. data_json holds the event's own facts; where it happened is the repository's row.
        """
        CREATE TABLE event (
            id {identity}, uuid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE,
            build_id {integer} REFERENCES build(id) ON DELETE CASCADE,
            performer_id {integer} REFERENCES account(id) ON DELETE SET NULL,
            data_json TEXT NOT NULL, created_ms {integer} NOT NULL)
        """,
        // Each kind once for a build, whatever is tried again.
        "CREATE UNIQUE INDEX event_build ON event(build_id, kind) WHERE build_id IS NOT NULL",
        "CREATE INDEX event_repository ON event(repository_id)",
        "CREATE INDEX event_created ON event(created_ms)",
        "ALTER TABLE build_attempt ADD COLUMN started_ms {integer}",
        "ALTER TABLE build_attempt ADD COLUMN error_code TEXT",
        "ALTER TABLE build_attempt ADD COLUMN cause TEXT",
        // When a builder first reported each of its phases.
        """
        CREATE TABLE build_attempt_phase (
            attempt_id {integer} NOT NULL REFERENCES build_attempt(id) ON DELETE CASCADE, phase TEXT NOT NULL,
            began_ms {integer} NOT NULL, PRIMARY KEY (attempt_id, phase))
        """,
        // What a launch pushed under each of its tags. image_id: the digest of the configuration; an index has none.
        """
        CREATE TABLE build_image (
            attempt_id {integer} NOT NULL REFERENCES build_attempt(id) ON DELETE CASCADE, tag TEXT NOT NULL,
            manifest_digest TEXT NOT NULL, image_id TEXT, PRIMARY KEY (attempt_id, tag))
        """)
}
