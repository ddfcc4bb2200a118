package import SQL

/// App-specific tokens, and the wrong passwords that were given for names that nobody has.
package let appTokensMigration = Migration(12, "app tokens") { transaction in
    try transaction.create(
        // The code that a client sends is base64(token_name:secret); of the secret only a hash is kept.
        """
        CREATE TABLE app_token (
            id {identity}, uuid TEXT NOT NULL UNIQUE,
            account_id {integer} NOT NULL REFERENCES account(id) ON DELETE CASCADE, title TEXT NOT NULL,
            token_name TEXT NOT NULL UNIQUE, token_hash TEXT NOT NULL, created_ms {integer} NOT NULL,
            last_accessed_ms {integer}, expires_ms {integer})
        """,
        "CREATE INDEX app_token_account ON app_token(account_id)",
        "CREATE INDEX app_token_expires ON app_token(expires_ms)",
        // A name that nobody has waits as an account does, in every replica; of the name only a hash is kept.
        """
        CREATE TABLE unknown_login (
            name_hash TEXT PRIMARY KEY, failures INTEGER NOT NULL, last_failure_ms {integer} NOT NULL)
        """,
        "CREATE INDEX unknown_login_last ON unknown_login(last_failure_ms)")
}
