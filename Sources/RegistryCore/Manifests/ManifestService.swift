package import Domain
package import Foundation
package import OCI
import Runtime
import SQL

/// By what a manifest is asked for.
package enum ManifestReference: Sendable, Hashable, CustomStringConvertible {
    case tag(TagName)
    case digest(Digest)

    package var description: String {
        switch self {
        case .tag(let name): name.text
        case .digest(let digest): digest.text
        }
    }
}

/// Stores, answers and deletes manifests, byte for byte.
package struct ManifestService: Sendable {
    private let platform: Platform
    private let accessControl: AccessControl
    private let quotas: QuotaMeter
    private let untaggedLifetime: TimeInterval
    private let sparseIndexes: Bool
    private let labels: ImageLabels
    let configs: ImageConfigReader

    /// - Parameter untaggedLifetime: PUSH_TEMP_TAG_EXPIRATION_SEC: how long a manifest that was pushed by digest stays
    ///   without a tag, in seconds.
    /// - Parameter sparseIndexes: FEATURE_SPARSE_INDEX: whether an index may list manifests that the repository doesn't have.
    package init(
        platform: Platform, access: AccessControl, quotas: QuotaMeter, untaggedLifetime: TimeInterval = 3600,
        sparseIndexes: Bool = false
    ) {
        self.platform = platform
        self.accessControl = access
        self.quotas = quotas
        self.untaggedLifetime = untaggedLifetime
        self.sparseIndexes = sparseIndexes
        self.labels = ImageLabels(platform: platform)
        self.configs = ImageConfigReader(platform: platform)
    }

    /// Stores a manifest and points its tags at it, in one transaction: all of it happens or nothing.
    ///
    /// `contentType` is the header as it came, parameters included; `tags` are moved besides a tag in `reference`.
    /// Errors: `.manifestInvalid`, `.digestInvalid` when the reference's digest is not the body's,
    /// `.manifestBlobUnknown` for a blob or child that the repository doesn't have, `.readOnly`, and `.denied` for a
    /// build's token whose attempt has ended or that may not move such a tag; `.tagImmutable`.
    package func put(
        _ body: [UInt8], contentType: String?, reference: ManifestReference, tags: [TagName] = [],
        in access: RepositoryAccess, ip: String? = nil
    ) async throws -> ManifestStore.Stored {
        try access.require(.write)
        let manifest = try parse(body, contentType: contentType)
        var moved = tags
        var digest = manifest.digest()
        switch reference {
        case .tag(let name):
            if access.caller.buildGrant == nil || !StagingTag.isOne(name) { moved.insert(name, at: 0) }
        case .digest(let named):
            digest = manifest.digest(by: named.algorithm)
            guard digest == named else {
                throw RegistryError(
                    .digestInvalid, "The manifest's digest is \(digest), not \(named).", details: ["digest": named.text]
                )
            }
        }
        let labels = try await labels.labels(of: manifest, digest: digest, inRepository: access.repository.id)
        let plan = Plan(
            manifest: manifest, digest: digest, labels: labels, tags: moved,
            hiddenName: "$temp-\(platform.identifiers.uuid())", eventID: platform.identifiers.uuid(), now: now, ip: ip)
        return try await quotas.counting { try await platform.database.write { try store(plan, in: access, $0) } }
    }

    /// The manifest that a reference names.
    ///
    /// Errors: `.manifestUnknown`; `.tagExpired` for a tag that was there once.
    package func manifest(
        _ reference: ManifestReference, in access: RepositoryAccess
    ) async throws -> ManifestStore.Stored {
        let now = now
        return try await platform.database.read { try find(reference, in: access, at: now, $0) }
    }

    /// The manifest that a reference names in the repository of that name, with the proof that `caller` may read there:
    /// rights and rows are asked for in one snapshot.
    ///
    /// Errors: those of ``AccessControl/repository(_:_:for:)`` and of ``manifest(_:in:)``.
    package func manifest(
        _ reference: ManifestReference, of name: RepositoryName, for caller: Caller
    ) async throws -> (manifest: ManifestStore.Stored, access: RepositoryAccess) {
        let now = now
        return try await platform.database.read { transaction in
            let access = try accessControl.repository(name, .read, for: caller, in: transaction)
            return (try find(reference, in: access, at: now, transaction), access)
        }
    }

    /// Deletes a tag, or a manifest with every tag of it; it stays restorable as long as the time machine says.
    ///
    /// Errors: `.manifestUnknown`, `.tagExpired`, `.tagImmutable`, `.unsupported` for a manifest that a living index lists,
    /// `.readOnly`, `.denied` as ``put(_:contentType:reference:tags:in:ip:)``.
    package func delete(_ reference: ManifestReference, in access: RepositoryAccess, ip: String? = nil) async throws {
        try access.require(.write)
        let now = now
        try await platform.database.write { transaction in
            try requireWritable(access, transaction)
            let repository = access.repository
            let manifest = try find(reference, in: access, at: now, transaction)
            let names: [String]
            switch reference {
            case .tag(let name):
                try requireMovable([name], by: access.caller)
                try TagService.end(name, inRepository: repository.id, at: now, transaction)
                names = [name.text]
            case .digest:
                guard access.caller.buildGrant == nil else { throw Self.notYourTag }
                try requireUnlisted(manifest, at: now, transaction)
                names = try TagService.end(
                    pointingAt: manifest.id, inRepository: repository.id, at: now, transaction)
                try ManifestStore.detach(manifest.id, in: transaction)
                try GarbageStore.doubt([manifest.id], in: transaction)
            }
            try QuotaUsageStore.released(inNamespace: repository.namespaceID, in: transaction)
            for name in names {
                try AuditLogStore.add(
                    access.audit(.deleteTag, at: now, ip: ip, ["tag": name]), in: transaction)
            }
        }
    }

    private struct Plan: Sendable {
        let manifest: Manifest
        let digest: Digest
        let labels: [ManifestLabel]
        let tags: [TagName]
        let hiddenName: String
        let eventID: String
        let now: Date
        let ip: String?

        /// The digest of the configuration; nil for an index.
        var imageID: Digest? {
            if case .image(let image) = manifest.content { image.config.digest } else { nil }
        }
    }

    /// Milliseconds are what the database keeps.
    private var now: Date { platform.clock.now }

    private func parse(_ body: [UInt8], contentType: String?) throws -> Manifest {
        do {
            let type = try contentType.map { try MediaType($0) }
            return try Manifest(body, declared: type)
        } catch let error as Manifest.Malformed {
            throw RegistryError(error.kind == .schema1 ? .unsupported : .manifestInvalid, error.reason)
        } catch {
            throw RegistryError(.manifestInvalid, "The Content-Type of the manifest is malformed.", cause: error)
        }
    }

    private func store(
        _ plan: Plan, in access: RepositoryAccess, _ transaction: any Transaction
    ) throws -> ManifestStore.Stored {
        try requireWritable(access, transaction)
        try requireMovable(plan.tags, by: access.caller)
        let repository = access.repository
        let known = try ManifestStore.find(plan.digest, inRepository: repository.id, in: transaction)
        try quotas.add(
            manifestBytes: known == nil ? plan.manifest.bytes.count : 0, tags: plan.tags, to: access, at: plan.now,
            ip: plan.ip, transaction)
        let stored = try known ?? insert(plan, into: repository, transaction)
        for tag in plan.tags {
            try TagService.retarget(tag, to: stored, inRepository: repository.id, at: plan.now, transaction)
        }
        if plan.tags.isEmpty {
            try ManifestStore.revive(stored.id, inRepository: repository.id, in: transaction)
            try TagStore.keep(
                stored.id, hiddenName: plan.hiddenName, inRepository: repository.id, from: plan.now,
                until: plan.now + untaggedLifetime, in: transaction)
        }
        for tag in plan.tags {
            try AuditLogStore.add(
                access.audit(.pushRepository, at: plan.now, ip: plan.ip, ["tag": tag.text]), in: transaction)
        }
        if !plan.tags.isEmpty { try tell(plan, in: access, transaction) }
        return stored
    }

    /// Writes down for others what was pushed: the event, and what a build has made.
    private func tell(_ plan: Plan, in access: RepositoryAccess, _ transaction: any Transaction) throws {
        let tags = plan.tags.map(\.text)
        if let attempt = access.caller.buildGrant?.attemptID {
            try BuildImageStore.record(
                plan.digest, imageID: plan.imageID, under: tags, byAttempt: attempt, in: transaction)
        }
        try EventOutbox.add(
            .repositoryPush(tags: tags), uuid: plan.eventID, repositoryID: access.repository.id,
            performerID: access.caller.accountID, at: plan.now, in: transaction)
    }

    private func insert(
        _ plan: Plan, into repository: Repository, _ transaction: any Transaction
    ) throws -> ManifestStore.Stored {
        let wanted = plan.manifest.blobs.map(\.digest)
        let blobs = try ManifestStore.linkedBlobs(wanted, inRepository: repository.id, in: transaction)
        if let missing = wanted.first(where: { blobs[$0.text] == nil }) {
            throw RegistryError(
                .manifestBlobUnknown, "The blob \(missing) is not in this repository.",
                details: ["digest": missing.text])
        }
        let listed = plan.manifest.children.map(\.digest)
        let children = try ManifestStore.ids(listed, inRepository: repository.id, in: transaction)
        let missing = listed.filter { children[$0.text] == nil }
        if let missing = missing.first, !sparseIndexes {
            throw RegistryError(
                .manifestBlobUnknown, "The manifest \(missing) is not in this repository.",
                details: ["digest": missing.text])
        }
        let id = try ManifestStore.insert(
            plan.manifest, digest: plan.digest, inRepository: repository.id, at: plan.now, in: transaction)
        try ManifestStore.link(blobs: Array(Set(blobs.values)), to: id, in: transaction)
        try ManifestStore.link(children: Array(children.values), to: id, in: transaction)
        try ManifestStore.expect(children: missing, of: id, in: transaction)
        try ManifestStore.adopt(id, plan.digest, inRepository: repository.id, in: transaction)
        try labels.store(
            plan.labels, of: plan.manifest, onManifest: id, inRepository: repository.id, in: transaction)
        guard let stored = try ManifestStore.find(id: id, in: transaction) else {
            throw RegistryError(.internalError, "The manifest \(plan.digest) could not be read back.")
        }
        return stored
    }

    private func find(
        _ reference: ManifestReference, in access: RepositoryAccess, at now: Date, _ transaction: any Transaction
    ) throws -> ManifestStore.Stored {
        let repository = access.repository
        switch reference {
        case .tag(let name):
            if let stored = try ManifestStore.find(name, inRepository: repository.id, at: now, in: transaction) {
                return stored
            }
            let existed = try TagStore.existed(name, inRepository: repository.id, in: transaction)
            throw existed
                ? RegistryError(.tagExpired, "The tag \(name) was deleted or has expired.", details: ["tag": name.text])
                : Self.unknown(reference)
        case .digest(let digest):
            guard let stored = try ManifestStore.find(digest, inRepository: repository.id, in: transaction),
                try ManifestStore.isReachable(stored.id, at: now, in: transaction)
            else { throw Self.unknown(reference) }
            return stored
        }
    }

    /// Without its entry a living index would be broken, and the entry can't be taken out of it.
    private func requireUnlisted(
        _ manifest: ManifestStore.Stored, at now: Date, _ transaction: any Transaction
    ) throws {
        let isListed = try ManifestStore.parents(of: manifest.id, in: transaction).contains {
            try ManifestStore.isReachable($0, at: now, in: transaction)
        }
        guard !isListed else {
            throw RegistryError(
                .unsupported,
                "An index of this repository lists the manifest \(manifest.digest): delete the index first.",
                details: ["digest": manifest.digest.text])
        }
    }

    private static func unknown(_ reference: ManifestReference) -> RegistryError {
        RegistryError(.manifestUnknown, "There is no manifest \(reference).", details: ["reference": "\(reference)"])
    }

    /// What may have changed since the proof was made is asked again inside the transaction that writes.
    private func requireWritable(_ access: RepositoryAccess, _ transaction: any Transaction) throws {
        guard let repository = try RepositoryStore.find(id: access.repository.id, in: transaction),
            repository.state != .markedForDeletion
        else { throw RegistryError(.nameUnknown, "The repository \(access.repository.name) does not exist.") }
        guard repository.state == .normal else {
            throw RegistryError(
                .readOnly, "Repository is in read only or mirror mode: \(repository.state.label)")
        }
        guard let grant = access.caller.buildGrant else { return }
        guard try DelegateTokenStore.live(id: grant.tokenID, in: transaction) != nil else {
            throw RegistryError(.denied, "The build that this token belongs to has ended.")
        }
    }

    private static let notYourTag = RegistryError(.denied, "This build may push only the tags that it was started for.")

    private func requireMovable(_ tags: [TagName], by caller: Caller) throws {
        guard let allowed = caller.buildGrant?.tags else { return }
        guard tags.allSatisfy({ allowed.contains($0.text) }) else { throw Self.notYourTag }
    }
}

extension Caller {
    /// The grant of a build's own token; nil for everybody else.
    var buildGrant: DelegateGrant? {
        if case .repositoryToken(let grant) = identity, grant.attemptID != nil { grant } else { nil }
    }
}

extension RepositoryAccess {
    /// An entry of the usage log about this repository, by whoever holds the proof.
    func audit(_ kind: AuditKind, at moment: Date, ip: String?, _ metadata: [String: String] = [:]) -> AuditEntry {
        AuditEntry(
            kind, namespaceID: repository.namespaceID, performerID: caller.accountID, repositoryID: repository.id,
            at: moment, ip: ip,
            metadata: metadata.merging(
                ["repo": repository.name.name, "namespace": repository.name.namespace.text], uniquingKeysWith: { $1 }))
    }
}
