import Domain
package import OCI
import ObjectStorage

/// A manifest as a person looks at it: its bytes, and how its layers were made.
package struct ManifestDetails: Sendable {
    /// One layer; the base is the first.
    package struct Layer: Sendable, Hashable {
        package let descriptor: Descriptor
        /// What the image's configuration says of the step that made it; nil when that can't be read.
        package let step: ImageConfig.Step?
    }

    package let stored: ManifestStore.Stored
    package let manifest: Manifest
    /// Nil for an index.
    package let layers: [Layer]?
}

extension ManifestService {
    /// The manifest of a digest with its layers. The configuration is read from the object store; when it can't be, the
    /// layers come without their steps. Errors: `.manifestUnknown`, `.unavailable`.
    package func details(of digest: Digest, in access: RepositoryAccess) async throws
        -> ManifestDetails
    {
        let stored = try await manifest(.digest(digest), in: access)
        let manifest: Manifest
        do { manifest = try Manifest(stored.body, declared: MediaType(stored.mediaType)) } catch {
            throw RegistryError(
                .internalError, "The stored manifest \(digest) can't be read.", cause: error)
        }
        guard case .image(let image) = manifest.content else {
            return ManifestDetails(stored: stored, manifest: manifest, layers: nil)
        }
        let config: ImageConfig?
        do {
            config = try await configs.config(of: manifest, inRepository: access.repository.id)
        } catch let error
            as ObjectStorageError
        {
            throw RegistryError(
                .unavailable, "The image's configuration can't be read now.", cause: error)
        }
        let steps = (config?.history ?? []).filter { !$0.isEmptyLayer }
        return ManifestDetails(
            stored: stored, manifest: manifest,
            layers: image.layers.enumerated().map { index, layer in
                // A history that does not fit the layers says nothing about any of them.
                .init(descriptor: layer, step: steps.count == image.layers.count ? steps[index] : nil)
            })
    }
}
