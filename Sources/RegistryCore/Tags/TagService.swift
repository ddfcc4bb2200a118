package import Domain
package import Foundation
package import OCI
import Runtime
import SQL

/// What can be done with the tags of a repository: changing them, bringing one back, and the names that `/v2` lists.
/// Looking at them is ``TagHistoryService``.
package struct TagService: Sendable {
    /// A page of tag names in byte order.
    package struct Page: Sendable, Hashable {
        package let names: [String]
        package let hasMore: Bool
    }

    /// What somebody wants changed about one tag; what is nil stays.
    package struct Change: Sendable, Hashable {
        package enum Expiration: Sendable, Hashable {
            case never
            /// The nearest moment that LABELED_EXPIRATION_MINIMUM and _MAXIMUM allow.
            case at(Date)
        }

        /// What the tag shall point at: a manifest that the repository has. The tag is made when there is none.
        package var manifest: Digest?
        package var expiration: Expiration?
        /// Whether the tag shall be protected from then on.
        package var isImmutable: Bool?

        package init(manifest: Digest? = nil, expiration: Expiration? = nil, isImmutable: Bool? = nil) {
            self.manifest = manifest
            self.expiration = expiration
            self.isImmutable = isImmutable
        }
    }

    private let platform: Platform
    private let settings: TagSettings
    private let quotas: QuotaMeter

    package init(platform: Platform, settings: TagSettings = TagSettings(), quotas: QuotaMeter) {
        self.platform = platform
        self.settings = settings
        self.quotas = quotas
    }

    /// The names after `last` (all, when it is nil), at most `limit`; a limit of zero answers an empty last page.
    package func names(in access: RepositoryAccess, after last: String?, limit: Int) async throws -> Page {
        guard limit > 0 else { return Page(names: [], hasMore: false) }
        let now = platform.clock.now
        let names = try await platform.database.read {
            try TagStore.names(
                inRepository: access.repository.id, after: last ?? "", limit: limit + 1, at: now, in: $0)
        }
        return Page(names: Array(names.prefix(limit)), hasMore: names.count > limit)
    }

    /// Changes one tag, all of it or nothing. First a protection is taken away, then the tag moves, then its expiry is
    /// set, then it is protected, so that one call can make a tag that expires or is immutable.
    ///
    /// Errors: `.notFound` for a tag that is not there (unless a manifest comes along) and for a manifest that the
    /// repository does not have; `.invalidRequest` for an expiry that can't be; `.tagImmutable`; `.forbidden` for taking a
    /// protection away without being an administrator; `.readOnly`.
    package func change(
        _ name: TagName, _ change: Change, in access: RepositoryAccess, ip: String? = nil
    ) async throws {
        try access.require(.write)
        if change.isImmutable == false { try access.require(.admin) }
        let desk = TagDesk(access: access, now: platform.clock.now, ip: ip)
        try await quotas.counting {
            try await platform.database.write { [settings] transaction in
                try WriteCheck.push(into: access, in: transaction)
                if change.isImmutable == false { try desk.unprotect(name, transaction) }
                if let digest = change.manifest {
                    try quotas.add(manifestBytes: 0, tags: [name], to: access, at: desk.now, ip: ip, transaction)
                    try desk.point(name, at: digest, transaction)
                }
                if let expiration = change.expiration {
                    try desk.expire(name, expiration, within: settings.expiration, transaction)
                }
                if change.isImmutable == true { try desk.protect(name, transaction) }
            }
        }
    }

    /// Deletes a tag; it stays restorable as long as the time machine says.
    ///
    /// Errors: `.notFound` when it is not there, `.tagImmutable`, `.readOnly`.
    package func delete(_ name: TagName, in access: RepositoryAccess, ip: String? = nil) async throws {
        try access.require(.write)
        let desk = TagDesk(access: access, now: platform.clock.now, ip: ip)
        try await platform.database.write { transaction in
            try WriteCheck.push(into: access, in: transaction)
            try desk.delete(name, transaction)
        }
    }

    /// Points a tag at a manifest that it, or anything, pointed at before: alive or removed, as long as it is kept.
    ///
    /// Errors: `.notFound` for a manifest that the repository does not have (any more), `.tagImmutable`, `.readOnly`.
    package func restore(
        _ name: TagName, to digest: Digest, in access: RepositoryAccess, ip: String? = nil
    ) async throws {
        try access.require(.write)
        let desk = TagDesk(access: access, now: platform.clock.now, ip: ip)
        try await quotas.counting {
            try await platform.database.write { transaction in
                try WriteCheck.push(into: access, in: transaction)
                try quotas.add(manifestBytes: 0, tags: [name], to: access, at: desk.now, ip: ip, transaction)
                try desk.restore(name, to: digest, transaction)
            }
        }
    }

    /// What moving a tag did.
    enum Move: Sendable, Hashable {
        /// It points there already.
        case unchanged
        case created
        case moved(from: Digest)
    }

    /// Points `name` at a manifest, in the transaction of the caller. The manifest that it already points at changes
    /// nothing, so an expiry or a protection that somebody set stays. A tag that begins takes the expiry that the image's
    /// label says, unless a policy protects its name.
    ///
    /// Errors: `.tagImmutable`.
    @discardableResult
    static func retarget(
        _ name: TagName, to manifest: ManifestStore.Stored, inRepository repositoryID: Int64, at now: Date,
        isReversion: Bool = false, _ transaction: any Transaction
    ) throws -> Move {
        let old = try TagStore.alive(name, inRepository: repositoryID, at: now, in: transaction)
        guard old?.manifestID != manifest.id else { return .unchanged }
        let protection = try TagProtection.of(repository: repositoryID, in: transaction)
        if let old { try protection.allowChange(of: old) }
        // Two pushes within a millisecond, or a clock set back: the new row still starts after the old one.
        let start = max(now, old?.lifetime.start ?? now)
        let label =
            protection.hasPolicy(for: name.text) ? nil : try LabelStore.expiry(ofManifest: manifest.id, in: transaction)
        // What was deleted by digest while nothing held the manifest is there again.
        try ManifestStore.revive(manifest.id, inRepository: repositoryID, in: transaction)
        try TagStore.begin(
            TagStore.Begin(
                name, at: manifest.id, inRepository: repositoryID,
                for: TagLifetime(start: start, end: label.map { start + $0.lifetime }), isReversion: isReversion),
            in: transaction)
        return old.map { .moved(from: $0.digest) } ?? .created
    }

    /// Ends a tag in the transaction of the caller, which knows that it is alive. Errors: `.tagImmutable`.
    static func end(
        _ name: TagName, inRepository repositoryID: Int64, at now: Date, _ transaction: any Transaction
    ) throws {
        guard let tag = try TagStore.alive(name, inRepository: repositoryID, at: now, in: transaction) else { return }
        try TagProtection.of(repository: repositoryID, in: transaction).allowChange(of: tag)
        try TagStore.end(tag, at: now, in: transaction)
    }

    /// Ends every tag that points at a manifest, and what keeps it without one; answers the tags' names.
    /// Errors: `.tagImmutable` when one of them is; then none ends.
    static func end(
        pointingAt manifestID: Int64, inRepository repositoryID: Int64, at now: Date, _ transaction: any Transaction
    ) throws -> [String] {
        let tags = try TagStore.alive(pointingAt: manifestID, at: now, in: transaction)
        let protection = try TagProtection.of(repository: repositoryID, in: transaction)
        for tag in tags { try protection.allowChange(of: tag) }
        for tag in tags { try TagStore.end(tag, at: now, in: transaction) }
        try TagStore.endHidden(pointingAt: manifestID, at: now, in: transaction)
        return tags.map(\.name)
    }
}

/// The steps of the use cases on one repository's tags, each with its entry in the usage log.
private struct TagDesk: Sendable {
    let access: RepositoryAccess
    let now: Date
    let ip: String?

    private var repositoryID: Int64 { access.repository.id }

    func point(_ name: TagName, at digest: Digest, _ transaction: any Transaction) throws {
        guard let manifest = try ManifestStore.find(digest, inRepository: repositoryID, in: transaction),
            try ManifestStore.isReachable(manifest.id, at: now, in: transaction)
        else { throw Self.unknown(digest) }
        let move = try TagService.retarget(
            name, to: manifest, inRepository: repositoryID, at: now, transaction)
        switch move {
        case .unchanged: break
        case .created: try log(.createTag, name, ["manifest_digest": digest.text], transaction)
        case .moved(let old):
            let metadata = ["manifest_digest": digest.text, "original_manifest_digest": old.text]
            try log(.moveTag, name, metadata, transaction)
        }
    }

    func restore(_ name: TagName, to digest: Digest, _ transaction: any Transaction) throws {
        guard let manifest = try ManifestStore.find(digest, inRepository: repositoryID, in: transaction) else {
            throw Self.unknown(digest)
        }
        let move = try TagService.retarget(
            name, to: manifest, inRepository: repositoryID, at: now, isReversion: true, transaction)
        guard move != .unchanged else { return }
        try log(.revertTag, name, ["manifest_digest": digest.text], transaction)
    }

    func delete(_ name: TagName, _ transaction: any Transaction) throws {
        let tag = try alive(name, transaction)
        try TagProtection.of(repository: repositoryID, in: transaction).allowChange(of: tag)
        try TagStore.end(tag, at: now, in: transaction)
        try QuotaUsageStore.released(inNamespace: access.repository.namespaceID, in: transaction)
        try log(.deleteTag, name, [:], transaction)
    }

    func expire(
        _ name: TagName, _ expiration: TagService.Change.Expiration, within limits: TagExpiration,
        _ transaction: any Transaction
    ) throws {
        let tag = try alive(name, transaction)
        var metadata: [String: String] = [:]
        if let old = tag.lifetime.end { metadata["old_expiration_date"] = Self.seconds(old) }
        switch expiration {
        case .never:
            // An immutable tag that lives on is no change that its protection is against.
            try TagStore.setEnd(tag.id, to: nil, in: transaction)
        case .at(let moment):
            try TagProtection.of(repository: repositoryID, in: transaction).allowChange(of: tag)
            let end: Date
            do { end = try limits.end(asked: moment, start: tag.lifetime.start, now: now) } catch {
                throw RegistryError(.invalidRequest, error.message)
            }
            try TagStore.setEnd(tag.id, to: end, in: transaction)
            metadata["expiration_date"] = Self.seconds(end)
        }
        try log(.changeTagExpiration, name, metadata, transaction)
    }

    func protect(_ name: TagName, _ transaction: any Transaction) throws {
        let tag = try alive(name, transaction)
        guard !tag.isImmutable else { return }
        guard tag.lifetime.end == nil else {
            throw RegistryError(
                .invalidRequest, "The tag \(name) has an expiration: clear it before you make the tag immutable.")
        }
        try TagStore.setImmutable(tag.id, to: true, in: transaction)
        try log(.changeTagImmutability, name, ["immutable": "true"], transaction)
    }

    func unprotect(_ name: TagName, _ transaction: any Transaction) throws {
        let tag = try alive(name, transaction)
        if try TagProtection.of(repository: repositoryID, in: transaction).hasPolicy(for: name.text) {
            throw RegistryError(
                .tagImmutable, "The tag \(name) is immutable by a policy of the repository.",
                details: ["tag": name.text])
        }
        guard tag.isImmutable else { return }
        try TagStore.setImmutable(tag.id, to: false, in: transaction)
        try log(.changeTagImmutability, name, ["immutable": "false"], transaction)
    }

    private func alive(_ name: TagName, _ transaction: any Transaction) throws -> TagStore.Pointer {
        guard let tag = try TagStore.alive(name, inRepository: repositoryID, at: now, in: transaction) else {
            throw RegistryError(.notFound, "There is no tag \(name) in this repository.", details: ["tag": name.text])
        }
        return tag
    }

    private func log(
        _ kind: AuditKind, _ name: TagName, _ metadata: [String: String], _ transaction: any Transaction
    ) throws {
        var metadata = metadata
        metadata["tag"] = name.text
        if let username = access.caller.name { metadata["username"] = username }
        try AuditLogStore.add(access.audit(kind, at: now, ip: ip, metadata), in: transaction)
    }

    private static func unknown(_ digest: Digest) -> RegistryError {
        RegistryError(.notFound, "There is no manifest \(digest) in this repository.", details: ["digest": digest.text])
    }

    private static func seconds(_ moment: Date) -> String { String(Int64(moment.timeIntervalSince1970)) }
}
