package import Domain
import Foundation
import Runtime
import SQL

/// Quotas as administrators see and set them.
package struct QuotaService: Sendable {
    /// What a namespace may hold and does hold.
    package struct Report: Sendable, Hashable {
        package let quota: Quota?
        /// nil until the namespace was counted for the first time.
        package let usage: QuotaUsage?
    }

    private let platform: Platform
    private let meter: QuotaMeter

    package init(platform: Platform, meter: QuotaMeter) {
        self.platform = platform
        self.meter = meter
    }

    /// The namespace's quota, its own or the system's, with what it holds as of the last count and the pushes since.
    package func report(in access: NamespaceAccess) async throws -> Report { try await report(access.namespace.id) }

    /// The same for a superuser. Errors: `.notFound` when there is no such namespace.
    package func report(of name: Username, by superuser: SuperuserAccess) async throws -> Report {
        try await report(try await namespace(name).id)
    }

    /// Gives a namespace a quota of its own. Errors: `.invalidRequest` for a bad limit, or when it has one; `.notFound`.
    package func create(
        limitBytes: Int64, limitTags: Int64?, for name: Username, by superuser: SuperuserAccess, ip: String?
    ) async throws {
        try Self.check(limitBytes: limitBytes, limitTags: limitTags)
        let now = platform.clock.now
        let namespace = try await namespace(name)
        try await platform.database.write { transaction in
            let id = try QuotaStore.insert(
                limitBytes: limitBytes, limitTags: limitTags, namespaceID: namespace.id, in: transaction)
            guard id != nil else {
                throw RegistryError(.invalidRequest, "The quota of '\(name)' already exists")
            }
            try AuditLogStore.add(
                Self.entry(.createQuota, namespace, superuser, at: now, ip, ["limit": String(limitBytes)]),
                in: transaction)
        }
        try await meter.count(namespace.id)
    }

    /// Changes what a quota allows; nil leaves a value as it is, 0 tags take the limit on tags away.
    /// Errors: `.notFound`, `.invalidRequest`.
    package func change(
        _ quotaID: Int64, limitBytes: Int64?, limitTags: Int64?, of name: Username, by superuser: SuperuserAccess,
        ip: String?
    ) async throws -> Quota {
        let now = platform.clock.now
        return try await change(quotaID, of: name) { quota, namespace, transaction in
            let bytes = limitBytes ?? quota.limitBytes
            let tags = limitTags.map { $0 == 0 ? nil : $0 } ?? quota.limitTags
            try Self.check(limitBytes: bytes, limitTags: tags)
            try QuotaStore.update(quotaID, limitBytes: bytes, limitTags: tags, in: transaction)
            try AuditLogStore.add(
                Self.entry(
                    .changeQuota, namespace, superuser, at: now, ip,
                    ["limit": String(bytes), "previous_limit": String(quota.limitBytes)]), in: transaction)
        }
    }

    /// Takes a namespace's own quota away; the system's holds again. Errors: `.notFound`.
    package func remove(
        _ quotaID: Int64, of name: Username, by superuser: SuperuserAccess, ip: String?
    ) async throws {
        let now = platform.clock.now
        let namespace = try await namespace(name)
        try await platform.database.write { transaction in
            let quota = try Self.own(quotaID, namespace, transaction)
            try QuotaStore.delete(quotaID, in: transaction)
            // Without a quota nothing adds to the row: the next quota begins a new one.
            try QuotaUsageStore.end(namespaceID: namespace.id, in: transaction)
            try AuditLogStore.add(
                Self.entry(.deleteQuota, namespace, superuser, at: now, ip, ["limit": String(quota.limitBytes)]),
                in: transaction)
        }
    }

    /// Adds a limit to a quota. Errors: `.notFound`, `.invalidRequest` for one that is there or a second `Reject`.
    package func addLimit(
        _ kind: QuotaLimit.Kind, percent: Int, to quotaID: Int64, of name: Username, by superuser: SuperuserAccess,
        ip: String?
    ) async throws {
        let now = platform.clock.now
        _ = try await change(quotaID, of: name) { quota, namespace, transaction in
            try Self.check(kind, percent: percent, beside: quota.limits)
            guard try QuotaStore.insert(kind, percent: percent, quotaID: quotaID, in: transaction) else {
                throw Self.limitExists
            }
            try AuditLogStore.add(
                Self.entry(.createQuotaLimit, namespace, superuser, at: now, ip, Self.metadata(kind, percent)),
                in: transaction)
        }
    }

    /// Changes a limit; nil leaves a value as it is. Errors: as ``addLimit(_:percent:to:of:by:ip:)``.
    package func changeLimit(
        _ limitID: Int64, kind: QuotaLimit.Kind?, percent: Int?, in quotaID: Int64, of name: Username,
        by superuser: SuperuserAccess, ip: String?
    ) async throws -> Quota {
        let now = platform.clock.now
        return try await change(quotaID, of: name) { quota, namespace, transaction in
            let old = try Self.limit(limitID, in: quota)
            let (kind, percent) = (kind ?? old.kind, percent ?? old.percent)
            try Self.check(kind, percent: percent, beside: quota.limits.filter { $0.id != limitID })
            try QuotaStore.update(limit: limitID, kind: kind, percent: percent, in: transaction)
            try AuditLogStore.add(
                Self.entry(.changeQuotaLimit, namespace, superuser, at: now, ip, Self.metadata(kind, percent)),
                in: transaction)
        }
    }

    /// Errors: `.notFound`.
    package func removeLimit(
        _ limitID: Int64, in quotaID: Int64, of name: Username, by superuser: SuperuserAccess, ip: String?
    ) async throws {
        let now = platform.clock.now
        _ = try await change(quotaID, of: name) { quota, namespace, transaction in
            let old = try Self.limit(limitID, in: quota)
            try QuotaStore.delete(limit: limitID, in: transaction)
            try AuditLogStore.add(
                Self.entry(
                    .deleteQuotaLimit, namespace, superuser, at: now, ip, Self.metadata(old.kind, old.percent)),
                in: transaction)
        }
    }

    private func report(_ namespaceID: Int64) async throws -> Report {
        try await platform.database.read { transaction in
            let tracked = try QuotaUsageStore.find(namespaceID: namespaceID, in: transaction)
            return Report(
                quota: try meter.quota(of: namespaceID, transaction),
                usage: tracked?.counted == nil ? nil : tracked?.usage)
        }
    }

    private func namespace(_ name: Username) async throws -> Namespace {
        let found = try await platform.database.read { try NamespaceStore.find(name, in: $0) }
        guard let found else {
            throw RegistryError(.notFound, "There is no user or organization named \(name).")
        }
        return found
    }

    /// Runs a change of a quota that is there, and answers the quota afterwards.
    private func change(
        _ quotaID: Int64, of name: Username,
        _ body: @escaping @Sendable (Quota, Namespace, any Transaction) throws -> Void
    ) async throws -> Quota {
        let namespace = try await namespace(name)
        return try await platform.database.write { transaction in
            try body(try Self.own(quotaID, namespace, transaction), namespace, transaction)
            return try Self.own(quotaID, namespace, transaction)
        }
    }

    private static func own(
        _ quotaID: Int64, _ namespace: Namespace, _ transaction: any Transaction
    ) throws -> Quota {
        guard let quota = try QuotaStore.find(namespaceID: namespace.id, in: transaction), quota.id == quotaID else {
            throw RegistryError(.notFound, "Not Found")
        }
        return quota
    }

    private static func limit(_ id: Int64, in quota: Quota) throws -> QuotaLimit {
        guard let limit = quota.limits.first(where: { $0.id == id }) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return limit
    }

    private static func check(limitBytes: Int64, limitTags: Int64?) throws {
        guard limitBytes > 0, limitTags.map({ $0 > 0 }) ?? true else {
            throw RegistryError(.invalidRequest, "A quota must be larger than 0.")
        }
    }

    private static func check(_ kind: QuotaLimit.Kind, percent: Int, beside others: [QuotaLimit]) throws {
        guard QuotaLimit.allowedPercent.contains(percent) else {
            throw RegistryError(.invalidRequest, "Quota limit threshold must be between 1 and 100")
        }
        guard !others.contains(where: { $0.kind == kind && $0.percent == percent }) else { throw limitExists }
        guard kind != .reject || !others.contains(where: { $0.kind == .reject }) else {
            throw RegistryError(.invalidRequest, "Only one quota limit of type 'Reject' allowed.")
        }
    }

    private static let limitExists = RegistryError(.invalidRequest, "Quota limit already exists")

    private static func entry(
        _ kind: AuditKind, _ namespace: Namespace, _ superuser: SuperuserAccess, at now: Date, _ ip: String?,
        _ metadata: [String: String]
    ) -> AuditEntry {
        AuditEntry(
            kind, namespaceID: namespace.id, performerID: superuser.user.id, at: now, ip: ip,
            metadata: metadata.merging(["namespace": namespace.name.text]) { own, _ in own })
    }

    private static func metadata(_ kind: QuotaLimit.Kind, _ percent: Int) -> [String: String] {
        ["type": kind.rawValue, "threshold_percent": String(percent)]
    }
}
