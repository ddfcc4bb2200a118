package import SQL

/// Repositories, who may do what in them, and the tokens that belong to one repository.
package let repositoriesMigration = Migration(2, "repositories") { transaction in
    try transaction.create(
        // state: Repository.State. A deleted repository keeps its row under another name until it is collected.
        """
        CREATE TABLE repository (
            id {identity}, uuid TEXT NOT NULL UNIQUE,
            namespace_id {integer} NOT NULL REFERENCES account(id) ON DELETE CASCADE, name TEXT NOT NULL,
            visibility TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0, description TEXT,
            badge_token TEXT NOT NULL, created_ms {integer} NOT NULL, UNIQUE (namespace_id, name))
        """,
        // Exactly one of account and team is set.
        """
        CREATE TABLE repository_permission (
            id {identity}, repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE,
            account_id {integer} REFERENCES account(id) ON DELETE CASCADE,
            team_id {integer} REFERENCES team(id) ON DELETE CASCADE, role TEXT NOT NULL,
            CHECK ((account_id IS NULL) <> (team_id IS NULL)),
            UNIQUE (repository_id, account_id), UNIQUE (repository_id, team_id))
        """,
        "CREATE INDEX repository_permission_account ON repository_permission(account_id)",
        "CREATE INDEX repository_permission_team ON repository_permission(team_id)",
        // `$token`: name and secret are 32 characters each. A build's token names its attempt and dies with it.
        """
        CREATE TABLE delegate_token (
            id {identity}, name TEXT NOT NULL UNIQUE, secret_cipher TEXT NOT NULL, friendly_name TEXT NOT NULL DEFAULT '',
            kind TEXT NOT NULL, repository_id {integer} NOT NULL REFERENCES repository(id) ON DELETE CASCADE,
            role TEXT NOT NULL, attempt_id {integer}, tags_json TEXT, created_ms {integer} NOT NULL, revoked_ms {integer})
        """,
        "CREATE INDEX delegate_token_attempt ON delegate_token(attempt_id)")
}
