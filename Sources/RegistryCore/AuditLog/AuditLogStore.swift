package import Domain
import Foundation
package import SQL

/// All SQL on `audit_log`.
package enum AuditLogStore {
    /// Writes `entry` in the caller's transaction, so that an action and its entry are kept or lost together.
    package static func add(_ entry: AuditEntry, in transaction: any Transaction) throws {
        try add(
            entry.kind, namespaceID: entry.namespaceID, performerID: entry.performerID,
            repositoryID: entry.repositoryID, at: entry.at, ip: entry.ip, metadataText: text(of: entry.metadata),
            in: transaction)
    }

    /// The same for entries that share their metadata, whose text was made once by ``text(of:)``.
    static func add(
        _ kind: AuditKind, namespaceID: Int64, performerID: Int64?, repositoryID: Int64?, at moment: Date, ip: String?,
        metadataText: String, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO audit_log (kind, namespace_id, performer_id, repository_id, at_ms, ip, metadata_json)
            VALUES (\(kind.name), \(namespaceID), \(performerID), \(repositoryID), \(moment), \(ip), \(metadataText))
            """)
    }

    /// Metadata as it is stored: a JSON object.
    static func text(of metadata: [String: String]) throws -> String {
        String(decoding: try JSONEncoder().encode(metadata), as: UTF8.self)
    }
}
