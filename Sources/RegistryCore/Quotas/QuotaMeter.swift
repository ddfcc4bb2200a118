package import Domain
package import Foundation
import Runtime
package import SQL

/// FEATURE_QUOTA_MANAGEMENT and DEFAULT_SYSTEM_REJECT_QUOTA_BYTES.
package struct QuotaSettings: Sendable, Hashable {
    package let isOn: Bool
    /// The quota of a namespace without one of its own; nil for none.
    package let system: Quota?

    /// - Parameter systemRejectBytes: 0 for no system-wide quota.
    package init(isOn: Bool, systemRejectBytes: Int64 = 0) {
        self.isOn = isOn
        system = systemRejectBytes > 0 ? .system(rejectingAbove: systemRejectBytes) : nil
    }

    package static let off = QuotaSettings(isOn: false)
}

/// Measures what pushes add to a namespace, each in its own transaction, and refuses what the quota doesn't allow.
///
/// A namespace with a quota has a row that is never less than the truth. Pushes add to it; what goes away is found by a
/// count outside of any push, when the row alone would refuse or warn and may be too high. So a push costs two small
/// statements, and nothing that removes must keep books. See docs/decisions/0125-quotas-are-upper-bounds.md.
package struct QuotaMeter: Sendable {
    /// A namespace whose row may be too high is counted again no more often than this, unless something was removed.
    private static let countPause: TimeInterval = 60
    /// How often a push may find that something was removed since the count that it asked for.
    private static let mostAttempts = 5
    /// An upload of unknown length that has no more room than this must not be cut off for a row that is too high.
    private static let narrowBytes: Int64 = 1 << 30

    private let platform: Platform
    private let settings: QuotaSettings

    package init(platform: Platform, settings: QuotaSettings) {
        self.platform = platform
        self.settings = settings
    }

    /// A push needs a count before it can be judged; its transaction changes nothing.
    struct CountNeeded: Error { let namespaceID: Int64 }

    /// The quota that holds for a namespace, its own or the system's.
    package func quota(of namespaceID: Int64, _ transaction: any Transaction) throws -> Quota? {
        guard settings.isOn else { return nil }
        return try QuotaStore.find(namespaceID: namespaceID, in: transaction) ?? settings.system
    }

    /// Runs a push whose transaction calls ``add(_:to:at:ip:_:)`` and its like, again after each count that it needs.
    ///
    /// Errors: `.unavailable` when the namespace changes faster than it can be counted; what `push` throws.
    package func counting<Value: Sendable>(_ push: () async throws -> Value) async throws -> Value {
        for _ in 1..<Self.mostAttempts {
            do { return try await push() } catch let needed as CountNeeded { try await count(needed.namespaceID) }
        }
        do { return try await push() } catch is CountNeeded {
            throw RegistryError(.unavailable, "The namespace's quota is being counted: try again in a moment.")
        }
    }

    /// Adds a blob that is about to be linked to the repository; one that the namespace holds already adds nothing.
    /// Errors: `.denied` with a sentence that names the limit.
    package func add(
        _ blob: Blob, to access: RepositoryAccess, at now: Date, ip: String? = nil, _ transaction: any Transaction
    ) throws {
        guard settings.isOn else { return }
        let repository = access.repository
        guard try !BlobStore.isLinked(blob.id, toRepository: repository.id, in: transaction),
            try !QuotaUsageStore.holds(blob.id, namespaceID: repository.namespaceID, in: transaction)
        else { return }
        try grow(by: QuotaUsage(bytes: blob.sizeBytes, tags: 0), access, at: now, ip: ip, transaction)
    }

    /// Adds a manifest that is about to be written (0 bytes when it is there already), and those of `tags` that do not
    /// exist yet. Errors: `.denied` with a sentence that names the limit.
    package func add(
        manifestBytes: Int, tags: [TagName], to access: RepositoryAccess, at now: Date, ip: String? = nil,
        _ transaction: any Transaction
    ) throws {
        guard settings.isOn else { return }
        let new = try Set(tags).filter {
            try TagStore.alive($0, inRepository: access.repository.id, at: now, in: transaction) == nil
        }
        try grow(
            by: QuotaUsage(bytes: Int64(manifestBytes), tags: Int64(new.count)), access, at: now, ip: ip, transaction)
    }

    /// Refuses an upload's begin where not one byte more would be accepted. Errors: `.denied`.
    package func requireRoom(in access: RepositoryAccess, at now: Date, _ transaction: any Transaction) throws {
        let namespaceID = access.repository.namespaceID
        guard let quota = try quota(of: namespaceID, transaction) else { return }
        let byte = QuotaUsage(bytes: 1, tags: 0)
        let tracked = try QuotaUsageStore.find(namespaceID: namespaceID, in: transaction)
        guard let tracked, tracked.counted != nil else { throw CountNeeded(namespaceID: namespaceID) }
        guard let refusal = quota.refusal(of: byte, to: tracked.usage + byte) else { return }
        try requireFresh(tracked, namespaceID, at: now)
        throw Self.refused(refusal)
    }

    /// How many bytes an upload may have in all; nil when no quota says.
    /// - Parameter wanted: how many it is known to have; where they don't fit, the namespace is counted first.
    package func roomBytes(in access: RepositoryAccess, for wanted: Int64) async throws -> Int64? {
        guard settings.isOn else { return nil }
        let namespaceID = access.repository.namespaceID
        let room = try await roomBytes(namespaceID)
        guard let room, room < max(wanted, Self.narrowBytes) else { return room }
        try await count(namespaceID)
        return try await roomBytes(namespaceID)
    }

    private func roomBytes(_ namespaceID: Int64) async throws -> Int64? {
        try await platform.database.read { transaction in
            guard let quota = try quota(of: namespaceID, transaction),
                let tracked = try QuotaUsageStore.find(namespaceID: namespaceID, in: transaction)
            else { return nil }
            return quota.roomBytes(at: tracked.usage)
        }
    }

    /// The error for an upload that is larger than the namespace's quota leaves room for.
    package static let noRoom = refused("more bytes than the namespace's quota allows")

    /// The sentence for the header `Warning` of a push that was accepted; nil when there is nothing to warn of.
    package func warning(in access: RepositoryAccess) async throws -> String? {
        guard settings.isOn else { return nil }
        let namespaceID = access.repository.namespaceID
        return try await platform.database.read { transaction in
            guard let quota = try quota(of: namespaceID, transaction),
                let tracked = try QuotaUsageStore.find(namespaceID: namespaceID, in: transaction)
            else { return nil }
            return quota.exceeded(.warning, by: tracked.usage).first.map {
                "The namespace \(access.repository.name.namespace) holds \($0)."
            }
        }
    }

    /// Counts what a namespace holds and corrects its row, unless it was counted a moment ago and nothing was removed.
    package func count(_ namespaceID: Int64) async throws {
        let now = platform.clock.now
        let isClaimed = try await platform.database.write { transaction in
            try QuotaUsageStore.begin(namespaceID: namespaceID, in: transaction)
            return try QuotaUsageStore.claimCount(
                namespaceID: namespaceID, olderThan: now - Self.countPause, at: now, in: transaction)
        }
        guard isClaimed else { return }
        // One snapshot shows both: what pushes add meanwhile stands in the row beside this difference.
        let (difference, corrections) = try await platform.database.read { transaction in
            let row = try QuotaUsageStore.find(namespaceID: namespaceID, in: transaction)
            let truth = try QuotaUsageStore.count(namespaceID: namespaceID, at: now, in: transaction)
            return (truth - (row?.usage ?? truth), row?.corrections)
        }
        guard let corrections else { return }
        try await platform.database.write { transaction in
            try QuotaUsageStore.correct(
                by: difference, namespaceID: namespaceID, afterCorrections: corrections, at: now, in: transaction)
        }
    }

    private func grow(
        by growth: QuotaUsage, _ access: RepositoryAccess, at now: Date, ip: String?, _ transaction: any Transaction
    ) throws {
        let namespaceID = access.repository.namespaceID
        guard growth != .nothing, let quota = try quota(of: namespaceID, transaction) else { return }
        let tracked = try QuotaUsageStore.add(growth, namespaceID: namespaceID, in: transaction)
        guard let tracked, tracked.counted != nil else { throw CountNeeded(namespaceID: namespaceID) }
        let refusal = quota.refusal(of: growth, to: tracked.usage)
        let crossed = quota.crossed(by: growth, to: tracked.usage)
        guard refusal != nil || !crossed.isEmpty else { return }
        try requireFresh(tracked, namespaceID, at: now)
        if let refusal { throw Self.refused(refusal) }
        for sentence in crossed {
            try AuditLogStore.add(
                access.audit(.quotaWarning, at: now, ip: ip, ["message": "The namespace holds \(sentence)."]),
                in: transaction)
        }
    }

    /// What a row says is acted on only when it can't be too high by much.
    private func requireFresh(_ tracked: QuotaUsageStore.Tracked, _ namespaceID: Int64, at now: Date) throws {
        guard !tracked.isReleased, let counted = tracked.counted, counted >= now - Self.countPause else {
            throw CountNeeded(namespaceID: namespaceID)
        }
    }

    private static func refused(_ sentence: String) -> RegistryError {
        RegistryError(.denied, "The push is refused: the namespace would hold \(sentence).", details: ["quota": "true"])
    }
}
