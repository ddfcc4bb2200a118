package import Domain
package import Foundation
package import SQL

/// An event as its row keeps it, until it is too old.
package struct StoredEvent: Sendable, Hashable {
    package let id: Int64
    /// The same however often it is delivered.
    package let uuid: String
    package let kind: DomainEvent.Kind
    package let repositoryID: Int64
    package let performerID: Int64?
    /// The facts of ``EventData``, as JSON.
    package let dataJSON: String
    package let at: Date
}

/// All SQL on `event`.
package enum EventStore {
    /// Adds an event; one that its build has already is passed over.
    static func insert(
        uuid: String, kind: DomainEvent.Kind, repositoryID: Int64, buildID: Int64?, performerID: Int64?,
        dataJSON: String, at now: Date, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO event (uuid, kind, repository_id, build_id, performer_id, data_json, created_ms)
            VALUES (\(uuid), \(kind.rawValue), \(repositoryID), \(buildID), \(performerID), \(dataJSON), \(now))
            ON CONFLICT DO NOTHING
            """)
    }

    /// Events after the one with the number `last`, oldest first. Kinds that this version does not know are left out.
    package static func events(
        after last: Int64, limit: Int, in transaction: any Transaction
    ) throws -> [StoredEvent] {
        try transaction.rows(
            """
            SELECT id, uuid, kind, repository_id, performer_id, data_json, created_ms FROM event
            WHERE id > \(last) ORDER BY id LIMIT \(limit)
            """
        ).compactMap { row in
            guard let kind = DomainEvent.Kind(rawValue: try row.text("kind")) else { return nil }
            return StoredEvent(
                id: try row.integer("id"), uuid: try row.text("uuid"), kind: kind,
                repositoryID: try row.integer("repository_id"), performerID: try row.integerIfAny("performer_id"),
                dataJSON: try row.text("data_json"), at: try row.date("created_ms"))
        }
    }

    /// Removes events that are older than `moment`, oldest first, at most `limit`; answers how many.
    static func remove(olderThan moment: Date, limit: Int, in transaction: any Transaction) throws -> Int {
        try transaction.run(
            """
            DELETE FROM event WHERE id IN
                (SELECT id FROM event WHERE created_ms < \(moment) ORDER BY created_ms LIMIT \(limit))
            """)
    }
}
