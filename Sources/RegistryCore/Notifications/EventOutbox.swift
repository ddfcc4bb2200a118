package import Domain
package import Foundation
package import SQL

/// Where use cases put what happened, in the transaction that made it happen: it is told exactly if it is true.
///
/// An event keeps its own facts as they were. What is the same for every event of a repository (its name, address and
/// page) is put around them when it is delivered.
package enum EventOutbox {
    /// Writes `event` down. Nothing happens when the build has one of that kind already.
    /// - Parameters:
    ///   - uuid: a fresh one, made outside of the transaction, whose body may run twice.
    ///   - performerID: the account of whoever did it; nil for background work.
    package static func add(
        _ event: DomainEvent, uuid: String, repositoryID: Int64, performerID: Int64? = nil, at now: Date,
        in transaction: any Transaction
    ) throws {
        try EventStore.insert(
            uuid: uuid, kind: event.kind, repositoryID: repositoryID, buildID: event.build?.id,
            performerID: performerID, dataJSON: EventData.json(of: event), at: now, in: transaction)
    }
}
