package import struct Foundation.Date

/// Which items may be claimed at a moment, and which of them comes next. Source: Quay 6.2; fair shares are our own.
package struct ClaimRule: Sendable {
    package enum Order: Sendable, Hashable {
        /// Builds: the lane with the fewest running items comes first, then the one that was served longest ago, then the
        /// oldest item. Within a name items go in their order, and none overtakes one that waits for its time: an older
        /// build that is tried again must not end after a newer one and take its tag back.
        case fairShare
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

    /// Whether the item is worked on, or ever will be again.
    package func isAlive(_ item: QueueItem) -> Bool { item.retriesRemaining > 0 || isRunning(item) }

    /// The item to claim among `items`, which hold everything of one root; nil when there is nothing to do.
    /// - Parameters:
    ///   - served: when each lane was served last.
    ///   - chance: a number from 0 up to, not including, 1.
    package func choose(among items: [QueueItem], served: [String: Date] = [:], chance: Double) -> QueueItem? {
        switch order {
        case .fairShare: return pick(from: heads(of: items, served: served), chance: chance)
        case .anyOfTheOldest:
            let busy = Set(items.filter(isRunning).map(\.name))
            return pick(
                from: items.filter { isClaimable($0) && !busy.contains($0.name) }.sorted { $0.id < $1.id },
                chance: chance)
        }
    }

    /// The next of `candidates`, which are claimable and stand in the order of their turn.
    package func pick(from candidates: [QueueItem], chance: Double) -> QueueItem? {
        switch order {
        case .fairShare: return candidates.first
        case .anyOfTheOldest:
            let oldest = candidates.prefix(Self.candidateLimit)
            guard !oldest.isEmpty else { return nil }
            return oldest[min(Int(chance * Double(oldest.count)), oldest.count - 1)]
        }
    }

    /// The oldest living item of each name, where that can be claimed, in the order of their turn.
    private func heads(of items: [QueueItem], served: [String: Date]) -> [QueueItem] {
        let running = items.filter(isRunning)
        let busy = Set(running.map(\.name))
        let shares = Dictionary(grouping: running, by: \.lane).mapValues(\.count)
        func turn(_ item: QueueItem) -> (Int, Date, Int64) {
            (shares[item.lane] ?? 0, served[item.lane] ?? .distantPast, item.id)
        }
        return Dictionary(grouping: items.filter(isAlive), by: \.name).values
            .compactMap { $0.min { $0.id < $1.id } }
            .filter { isClaimable($0) && !busy.contains($0.name) }
            .sorted { turn($0) < turn($1) }
    }
}
