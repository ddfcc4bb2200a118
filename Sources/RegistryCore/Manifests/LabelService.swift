package import Domain
import Foundation
package import OCI
import Runtime
import SQL

/// The labels of a repository's manifests: looked at by readers, added and removed by writers.
package struct LabelService: Sendable {
    /// How many labels one manifest can have, its own included.
    package static let maximumLabels = ImageLabels.maximumLabels + 100

    /// What somebody wants to add.
    package struct NewLabel: Sendable, Hashable {
        package let key: LabelKey
        package let value: String
        package let mediaType: ManifestLabel.MediaType

        package init(key: LabelKey, value: String, mediaType: ManifestLabel.MediaType) {
            self.key = key
            self.value = value
            self.mediaType = mediaType
        }
    }

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The labels whose keys begin with `prefix`, oldest first. Errors: `.notFound` for an unknown manifest.
    package func labels(
        of digest: Digest, keysBeginningWith prefix: String = "", in access: RepositoryAccess
    ) async throws -> [ManifestLabel] {
        let now = platform.clock.now
        return try await platform.database.read { transaction in
            let manifest = try Self.manifest(digest, in: access, at: now, transaction)
            return try LabelStore.list(ofManifest: manifest.id, in: transaction)
        }.filter { $0.key.utf8.starts(with: prefix.utf8) }
    }

    /// Errors: `.notFound` for an unknown manifest, and for a label of another one.
    package func label(_ uuid: String, of digest: Digest, in access: RepositoryAccess) async throws
        -> ManifestLabel
    {
        let now = platform.clock.now
        return try await platform.database.read { transaction in
            let manifest = try Self.manifest(digest, in: access, at: now, transaction)
            return try Self.find(uuid, onManifest: manifest.id, transaction)
        }
    }

    /// Adds a label; a key may be there several times. Errors: `.notFound`, `.invalidRequest` for a value that can't be
    /// kept and for a label too many, `.readOnly`.
    package func add(
        _ new: NewLabel, to digest: Digest, in access: RepositoryAccess, ip: String? = nil
    ) async throws -> ManifestLabel {
        try access.require(.write)
        guard !new.value.utf8.contains(0) else {
            throw RegistryError(.invalidRequest, "A label's value must not contain a NUL character.")
        }
        let label = ManifestLabel(
            uuid: platform.identifiers.uuid(), key: new.key.text, value: new.value, source: .api,
            mediaType: new.mediaType)
        let now = platform.clock.now
        try await platform.database.write { transaction in
            try WriteCheck.push(into: access, in: transaction)
            let manifest = try Self.manifest(digest, in: access, at: now, transaction)
            guard try LabelStore.count(onManifest: manifest.id, in: transaction) < Self.maximumLabels
            else {
                throw RegistryError(
                    .invalidRequest, "A manifest can have \(Self.maximumLabels) labels at most.")
            }
            try LabelStore.insert(label, onManifest: manifest.id, in: transaction)
            try Self.log(.addManifestLabel, label, of: digest, in: access, at: now, ip: ip, transaction)
        }
        return label
    }

    /// Removes a label that somebody added. Errors: `.notFound`, `.invalidRequest` for an image's own label, `.readOnly`.
    package func remove(
        _ uuid: String, from digest: Digest, in access: RepositoryAccess, ip: String? = nil
    ) async throws {
        try access.require(.write)
        let now = platform.clock.now
        try await platform.database.write { transaction in
            try WriteCheck.push(into: access, in: transaction)
            let manifest = try Self.manifest(digest, in: access, at: now, transaction)
            let label = try Self.find(uuid, onManifest: manifest.id, transaction)
            guard label.isMutable else {
                throw RegistryError(
                    .invalidRequest, "Only labels that were added over the API can be deleted.")
            }
            try LabelStore.delete(uuid, onManifest: manifest.id, in: transaction)
            try Self.log(
                .deleteManifestLabel, label, of: digest, in: access, at: now, ip: ip, transaction)
        }
    }

    /// A manifest that an alive tag reaches: what was removed has no labels to show.
    private static func manifest(
        _ digest: Digest, in access: RepositoryAccess, at now: Date, _ transaction: any Transaction
    ) throws -> ManifestStore.Stored {
        guard
            let manifest = try ManifestStore.find(
                digest, inRepository: access.repository.id, in: transaction),
            try ManifestStore.isReachable(manifest.id, at: now, in: transaction)
        else {
            throw RegistryError(
                .notFound, "There is no manifest \(digest) in this repository.",
                details: ["digest": digest.text])
        }
        return manifest
    }

    private static func find(
        _ uuid: String, onManifest manifestID: Int64, _ transaction: any Transaction
    ) throws -> ManifestLabel {
        guard let label = try LabelStore.find(uuid, onManifest: manifestID, in: transaction) else {
            throw RegistryError(.notFound, "There is no such label on this manifest.")
        }
        return label
    }

    private static func log(
        _ kind: AuditKind, _ label: ManifestLabel, of digest: Digest, in access: RepositoryAccess,
        at now: Date,
        ip: String?, _ transaction: any Transaction
    ) throws {
        try AuditLogStore.add(
            access.audit(
                kind, at: now, ip: ip,
                [
                    "id": label.uuid, "key": label.key, "value": String(label.value.prefix(1024)),
                    "manifest_digest": digest.text, "media_type": label.mediaType.rawValue,
                ]), in: transaction)
    }
}
