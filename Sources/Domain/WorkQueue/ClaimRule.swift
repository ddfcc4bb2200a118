package import struct Foundation.Date

/// Which items may be claimed at a moment, and which of them comes next. Source: Quay 6.2.
package struct ClaimRule: Sendable {
    package enum Order: Sendable, Hashable {
        /// The item that waits longest, always: builds.
        case strictlyOldestFirst
        /// Any of the oldest, so that many workers seldom reach for the same one.
        case anyOfTheOldest
    }

    /// How many of the oldest candidates a claim looks at.
    package static let candidateLimit = 50

    package let now: Date
    package let order: Order

    package init(at now: Date, order: Order) {
        self.now = now
        self.order = order
    }

    /// Whether somebody works on the item and isn't taken for dead.
    package func isRunning(_ item: QueueItem) -> Bool {
        guard !item.isAvailable, let expires = item.processingExpires else { return false }
        return expires > now
    }

    /// Whether the item by itself may be claimed; that no other item of its name runs is asked besides.
    package func isClaimable(_ item: QueueItem) -> Bool {
        item.availableAfter <= now && !isRunning(item) && item.retriesRemaining > 0
    }

    /// The item to claim among `items`, which hold everything of one root; nil when there is nothing to do.
    /// - Parameter chance: a number from 0 up to, not including, 1.
    package func choose(among items: [QueueItem], chance: Double) -> QueueItem? {
        let busy = Set(items.filter(isRunning).map(\.name))
        let candidates = items.filter { isClaimable($0) && !busy.contains($0.name) }.sorted { $0.id < $1.id }
        return pick(from: candidates, chance: chance)
    }

    /// The next of `candidates`, which are claimable and stand oldest first.
    package func pick(from candidates: [QueueItem], chance: Double) -> QueueItem? {
        switch order {
        case .strictlyOldestFirst: return candidates.first
        case .anyOfTheOldest:
            let oldest = candidates.prefix(Self.candidateLimit)
            guard !oldest.isEmpty else { return nil }
            return oldest[min(Int(chance * Double(oldest.count)), oldest.count - 1)]
        }
    }
}
