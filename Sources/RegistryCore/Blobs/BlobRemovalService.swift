import Domain
package import OCI
import Runtime
import SQL

/// Takes blobs out of repositories for those who may write there; the bytes go when no repository has them.
package struct BlobRemovalService: Sendable {
    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// Makes a blob unreadable in the repository, at once.
    ///
    /// Errors: `.blobUnknown`; `.unsupported` while a manifest that can be pulled needs it; those of a push; `.denied` for
    /// a build's token.
    package func delete(_ digest: Digest, in access: RepositoryAccess) async throws {
        let now = platform.clock.now
        let repositoryID = access.repository.id
        try await platform.database.write { transaction in
            try WriteCheck.push(into: access, in: transaction)
            guard access.caller.buildGrant == nil else {
                throw RegistryError(.denied, "This build may push only the tags that it was started for.")
            }
            guard let blob = try BlobStore.find(digest, inRepository: repositoryID, in: transaction) else {
                throw RegistryError(
                    .blobUnknown, "There is no such blob in this repository.", details: ["digest": digest.text])
            }
            guard try !ManifestStore.needs(blob: blob.id, inRepository: repositoryID, at: now, in: transaction) else {
                throw RegistryError(
                    .unsupported, "A manifest of this repository needs the blob \(digest): delete the manifest first.",
                    details: ["digest": digest.text])
            }
            try BlobStore.hide(blob.id, inRepository: repositoryID, in: transaction)
        }
    }
}
