package import Domain
import Foundation
package import OCI
import ObjectStorage
import Runtime
package import SQL

/// The labels that images bring along: those of their configuration, and for an index those that all of its images share.
package struct ImageLabels: Sendable {
    /// An image with more labels keeps the first ones, by key.
    package static let maximumLabels = 1024

    private let platform: Platform
    private let configs: ImageConfigReader

    package init(platform: Platform) {
        self.platform = platform
        self.configs = ImageConfigReader(platform: platform)
    }

    /// The labels of an image that is about to be stored; none for an index, and for a manifest that is there already,
    /// which has its labels. Never inside a transaction. Errors: `.unavailable` when the object store can't be read.
    package func labels(
        of manifest: Manifest, digest: Digest, inRepository repositoryID: Int64
    ) async throws -> [ManifestLabel] {
        guard case .image = manifest.content else { return [] }
        let isKnown = try await platform.database.read {
            try !ManifestStore.ids([digest], inRepository: repositoryID, in: $0).isEmpty
        }
        guard !isKnown else { return [] }
        let config: ImageConfig?
        do { config = try await configs.config(of: manifest, inRepository: repositoryID) } catch let error
            as ObjectStorageError
        {
            throw RegistryError(.unavailable, "The image's configuration can't be read now.", cause: error)
        }
        return (config?.labels ?? [:]).filter(Self.canBeKept).sorted { $0.key < $1.key }.prefix(Self.maximumLabels)
            .map(label)
    }

    /// Writes the labels of a manifest that was just stored: `own`, or for an index what its images have in common.
    package func store(
        _ own: [ManifestLabel], of manifest: Manifest, onManifest id: Int64, inRepository repositoryID: Int64,
        in transaction: any Transaction
    ) throws {
        var labels = own
        if case .index = manifest.content {
            let images = manifest.children.filter { !Self.isAttestation($0) }.map(\.digest)
            labels = try LabelStore.common(to: images, inRepository: repositoryID, in: transaction)
                .prefix(Self.maximumLabels).map(label)
        }
        for label in labels { try LabelStore.insert(label, onManifest: id, in: transaction) }
    }

    private func label(_ key: String, _ value: String) -> ManifestLabel {
        ManifestLabel(
            uuid: platform.identifiers.uuid(), key: key, value: value, source: .manifest,
            mediaType: Self.mediaType(of: value))
    }

    /// A value that is a JSON object or list says so. Source: Quay, labels of images.
    private static func mediaType(of value: String) -> ManifestLabel.MediaType {
        guard value.utf8.first == UInt8(ascii: "{") || value.utf8.first == UInt8(ascii: "[") else { return .text }
        do {
            _ = try JSONValue(parsing: Array(value.utf8))
            return .json
        } catch { return .text }
    }

    /// Any key will do, but no text of ours holds a NUL, and nobody can ask for an empty key.
    private static func canBeKept(_ key: String, _ value: String) -> Bool {
        !key.isEmpty && !key.utf8.contains(0) && !value.utf8.contains(0)
    }

    /// What build tools add beside the images of an index: no image, and without labels.
    private static func isAttestation(_ child: Descriptor) -> Bool {
        child.annotations["vnd.docker.reference.type"] == "attestation-manifest"
    }
}
