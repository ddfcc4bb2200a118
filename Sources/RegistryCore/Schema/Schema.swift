package import SQL

/// The product's schema: every migration, in order. Append only.
package enum Schema {
    package static let migrations: [Migration] = [
        accountsMigration, repositoriesMigration, blobsMigration, manifestsMigration, buildsMigration,
        auditLogMigration, garbageCollectionMigration, uploadStateMigration,
        contentManagementMigration, tagsMigration, detachedReferrersMigration, appTokensMigration,
        objectNamesMigration, quotasMigration, queueLanesMigration, eventsAndTimelineMigration,
        logArchivesMigration,
    ]
}

/// A table's DDL with the few words in which the engines differ: `{identity}`, `{integer}` and `{bytes}`.
extension Transaction {
    func create(_ statements: String...) throws {
        for statement in statements {
            try execute(
                ddl: statement.replacing("{identity}", with: dialect.identity)
                    .replacing("{integer}", with: dialect.integer).replacing("{bytes}", with: dialect.bytes))
        }
    }
}
