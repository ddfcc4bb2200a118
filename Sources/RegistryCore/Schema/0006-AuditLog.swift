package import SQL

/// The usage log.
package let auditLogMigration = Migration(6, "audit log") { transaction in
    try transaction.create(
        """
        CREATE TABLE audit_log (
            id {identity}, kind TEXT NOT NULL, namespace_id {integer} NOT NULL, performer_id {integer},
            repository_id {integer}, at_ms {integer} NOT NULL, ip TEXT, metadata_json TEXT NOT NULL DEFAULT '{}')
        """,
        "CREATE INDEX audit_log_namespace ON audit_log(namespace_id, at_ms)",
        "CREATE INDEX audit_log_repository ON audit_log(repository_id, at_ms)")
}
