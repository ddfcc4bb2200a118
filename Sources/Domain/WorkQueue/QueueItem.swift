package import struct Foundation.Date

/// One piece of waiting or running work.
package struct QueueItem: Sendable, Hashable {
    /// One holder's right to an item: the row and the state that the claim left it in. Once somebody else has claimed the
    /// item, an older claim moves nothing any more.
    package struct Claim: Sendable, Hashable {
        package let itemID: Int64
        package let stateID: String

        package init(itemID: Int64, stateID: String) {
            self.itemID = itemID
            self.stateID = stateID
        }
    }

    package let id: Int64
    /// The text of a ``QueueName``.
    package let name: String
    /// ``QueueName/lane``.
    package let lane: String
    package let body: String
    package let availableAfter: Date
    /// False while somebody works on it.
    package let isAvailable: Bool
    /// When the one who works on it is taken for dead; nil while nobody does.
    package let processingExpires: Date?
    /// How often it may still be claimed.
    package let retriesRemaining: Int
    package let stateID: String

    package init(
        id: Int64, name: String, lane: String = "", body: String, availableAfter: Date, isAvailable: Bool,
        processingExpires: Date?,
        retriesRemaining: Int, stateID: String
    ) {
        self.id = id
        self.name = name
        self.lane = lane
        self.body = body
        self.availableAfter = availableAfter
        self.isAvailable = isAvailable
        self.processingExpires = processingExpires
        self.retriesRemaining = retriesRemaining
        self.stateID = stateID
    }

    package var claim: Claim { Claim(itemID: id, stateID: stateID) }
}
