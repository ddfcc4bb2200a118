package import SQL

/// Users, organizations, robots, teams, sessions and the credentials that belong to them.
package let accountsMigration = Migration(1, "accounts") { transaction in
    try transaction.create(
        // One name space for users, organizations and robots (`ns+name`): kind is user, organization or robot.
        """
        CREATE TABLE account (
            id {identity}, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            password_hash TEXT, email TEXT UNIQUE, verified INTEGER NOT NULL DEFAULT 0, enabled INTEGER NOT NULL DEFAULT 1,
            superuser INTEGER NOT NULL DEFAULT 0, generation {integer} NOT NULL DEFAULT 0,
            invalid_login_attempts INTEGER NOT NULL DEFAULT 0, last_invalid_login_ms {integer},
            removed_tag_expiration_s INTEGER NOT NULL DEFAULT 1209600, maximum_queued_builds_count INTEGER,
            given_name TEXT, family_name TEXT, company TEXT, location TEXT,
            created_ms {integer} NOT NULL, last_accessed_ms {integer})
        """,
        """
        CREATE TABLE robot (
            account_id {integer} PRIMARY KEY REFERENCES account(id) ON DELETE CASCADE,
            owner_id {integer} NOT NULL REFERENCES account(id) ON DELETE CASCADE,
            token_cipher TEXT NOT NULL, description TEXT NOT NULL DEFAULT '', metadata_json TEXT NOT NULL DEFAULT '{}')
        """,
        "CREATE INDEX robot_owner ON robot(owner_id)",
        """
        CREATE TABLE team (
            id {identity}, organization_id {integer} NOT NULL REFERENCES account(id) ON DELETE CASCADE,
            name TEXT NOT NULL, role TEXT NOT NULL, description TEXT NOT NULL DEFAULT '', UNIQUE (organization_id, name))
        """,
        """
        CREATE TABLE team_member (
            team_id {integer} NOT NULL REFERENCES team(id) ON DELETE CASCADE,
            account_id {integer} NOT NULL REFERENCES account(id) ON DELETE CASCADE, PRIMARY KEY (team_id, account_id))
        """,
        "CREATE INDEX team_member_account ON team_member(account_id)",
        // id is the SHA-256 of the cookie's secret; generation must still be the account's, or the session is dead.
        """
        CREATE TABLE session (
            id TEXT PRIMARY KEY, account_id {integer} REFERENCES account(id) ON DELETE CASCADE,
            generation {integer} NOT NULL DEFAULT 0, csrf_token TEXT NOT NULL, created_ms {integer} NOT NULL,
            signed_in_ms {integer}, expires_ms {integer} NOT NULL)
        """,
        "CREATE INDEX session_expires ON session(expires_ms)",
        """
        CREATE TABLE oauth_application (
            id {identity}, organization_id {integer} NOT NULL REFERENCES account(id) ON DELETE CASCADE,
            client_id TEXT NOT NULL UNIQUE, client_secret_cipher TEXT NOT NULL, name TEXT NOT NULL,
            redirect_uri TEXT NOT NULL DEFAULT '', application_uri TEXT NOT NULL DEFAULT '',
            description TEXT NOT NULL DEFAULT '', avatar_email TEXT)
        """,
        // The first 20 characters of a token are its name; of the rest only a hash is kept.
        """
        CREATE TABLE oauth_token (
            id {identity}, uuid TEXT NOT NULL UNIQUE,
            application_id {integer} NOT NULL REFERENCES oauth_application(id) ON DELETE CASCADE,
            account_id {integer} NOT NULL REFERENCES account(id) ON DELETE CASCADE, scope TEXT NOT NULL,
            token_name TEXT NOT NULL UNIQUE, token_hash TEXT NOT NULL, created_ms {integer} NOT NULL,
            expires_ms {integer} NOT NULL)
        """,
        """
        CREATE TABLE service_key (
            kid TEXT PRIMARY KEY, service TEXT NOT NULL, public_jwk TEXT NOT NULL, private_key_cipher TEXT NOT NULL,
            created_ms {integer} NOT NULL, retires_ms {integer} NOT NULL, expires_ms {integer} NOT NULL)
        """)
}
