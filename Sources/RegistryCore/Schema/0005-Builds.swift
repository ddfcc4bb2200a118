package import SQL

/// Builds, their attempts with leases, their logs, and the queue that both programs share.
package let buildsMigration = Migration(5, "builds") { transaction in
    try transaction.create(
        // queue_name is a path: root, name segments, a slash at the end. state_id changes with every claim: it is the claim.
        """
        CREATE TABLE queue_item (
            id {identity}, root TEXT NOT NULL, queue_name TEXT NOT NULL, body TEXT NOT NULL, available_after_ms {integer} NOT NULL,
            available INTEGER NOT NULL DEFAULT 1, processing_expires_ms {integer},
            retries_remaining INTEGER NOT NULL DEFAULT 5, state_id TEXT NOT NULL, created_ms {integer} NOT NULL)
        """,
        "CREATE INDEX queue_item_root ON queue_item(root, available_after_ms)",
        "CREATE INDEX queue_item_name ON queue_item(queue_name, available)",
        """
        CREATE TABLE build (
            id {identity}, uuid TEXT NOT NULL UNIQUE,
            repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE,
            resource_key TEXT, job_config_json TEXT NOT NULL, phase TEXT NOT NULL, display_name TEXT NOT NULL,
            manual_user_id {integer} REFERENCES account(id) ON DELETE SET NULL,
            pull_robot_id {integer} REFERENCES account(id) ON DELETE SET NULL,
            queue_item_id {integer}, started_ms {integer} NOT NULL, ended_ms {integer}, error_code TEXT,
            logs_archived INTEGER NOT NULL DEFAULT 0)
        """,
        "CREATE INDEX build_repository ON build(repository_id, started_ms)",
        "CREATE INDEX build_phase ON build(phase)",
        // One row per launch. The attempt is live while ended_ms is NULL; every call of an agent carries its number.
        """
        CREATE TABLE build_attempt (
            id {identity}, build_id {integer} NOT NULL REFERENCES build(id) ON DELETE CASCADE, number INTEGER NOT NULL,
            queue_item_id {integer} NOT NULL, queue_state_id TEXT NOT NULL, manager TEXT NOT NULL, executor TEXT,
            execution_id TEXT, created_ms {integer} NOT NULL, registered_ms {integer}, heartbeat_ms {integer},
            lease_expires_ms {integer} NOT NULL, deadline_ms {integer} NOT NULL, ended_ms {integer}, outcome TEXT,
            UNIQUE (build_id, number))
        """,
        // One build has one live attempt, whatever goes wrong elsewhere.
        "CREATE UNIQUE INDEX build_attempt_one_live ON build_attempt(build_id) WHERE ended_ms IS NULL",
        "CREATE INDEX build_attempt_live ON build_attempt(ended_ms, lease_expires_ms)",
        // position counts a build's entries without gaps; attempt and line number an agent's lines against doubles.
        """
        CREATE TABLE build_log (
            build_id {integer} NOT NULL REFERENCES build(id) ON DELETE CASCADE, position {integer} NOT NULL,
            attempt INTEGER NOT NULL, line {integer}, type TEXT, message TEXT NOT NULL, data_json TEXT,
            PRIMARY KEY (build_id, position), UNIQUE (build_id, attempt, line))
        """)
}
