package import SQL

/// What namespaces may hold, and what those that have a quota do hold.
package let quotasMigration = Migration(14, "quotas") { transaction in
    try transaction.create(
        """
        CREATE TABLE quota (
            id {identity}, namespace_id {integer} NOT NULL UNIQUE REFERENCES account(id) ON DELETE CASCADE,
            limit_bytes {integer} NOT NULL, limit_tags {integer})
        """,
        """
        CREATE TABLE quota_limit (
            id {identity}, quota_id {integer} NOT NULL REFERENCES quota(id) ON DELETE CASCADE, kind TEXT NOT NULL,
            percent INTEGER NOT NULL, UNIQUE (quota_id, kind, percent))
        """,
        // Never less than the truth: pushes add to it, and what goes away is taken off by a count. counted_ms is NULL until
        // the first one; released says that something went away since the last; corrections numbers the counts.
        """
        CREATE TABLE quota_usage (
            namespace_id {integer} PRIMARY KEY REFERENCES account(id) ON DELETE CASCADE, size_bytes {integer} NOT NULL,
            tag_count {integer} NOT NULL, released INTEGER NOT NULL DEFAULT 0, counted_ms {integer},
            corrections {integer} NOT NULL DEFAULT 0)
        """)
}
