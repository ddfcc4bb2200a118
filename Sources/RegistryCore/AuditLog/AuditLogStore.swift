package import Domain
import Foundation
package import SQL

/// All SQL on `audit_log`.
package enum AuditLogStore {
    /// Writes `entry` in the caller's transaction, so that an action and its entry are kept or lost together.
    package static func add(_ entry: AuditEntry, in transaction: any Transaction) throws {
        let metadata = String(decoding: try JSONEncoder().encode(entry.metadata), as: UTF8.self)
        try transaction.run(
            """
            INSERT INTO audit_log (kind, namespace_id, performer_id, repository_id, at_ms, ip, metadata_json)
            VALUES (\(entry.kind.name), \(entry.namespaceID), \(entry.performerID), \(entry.repositoryID), \(entry.at),
                \(entry.ip), \(metadata))
            """)
    }
}
