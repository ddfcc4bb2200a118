import Domain
import Foundation
import Logging
package import OCI
package import ObjectStorage
import Runtime
import SQL

/// Finds the bytes of blobs, for those who may read a repository that links them.
package struct BlobReader: Sendable {
    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The blob of that digest in the repository. Whoever may push here learns with it that the blob stays for a while:
    /// a client that is told "it exists" does not upload it. Errors: `.blobUnknown`.
    package func find(_ digest: Digest, in access: RepositoryAccess) async throws -> Blob {
        let repositoryID = access.repository.id
        let now = platform.clock.now
        let (found, pinnedUntil) = try await platform.database.read { transaction in
            let blob = try BlobStore.find(digest, inRepository: repositoryID, in: transaction)
            return (
                blob, try blob.flatMap { try BlobStore.pinnedUntil($0.id, inRepository: repositoryID, in: transaction) }
            )
        }
        guard let blob = found else { throw Self.unknown(digest) }
        // Written at most once in half a pin's time, so that a pull stays a read.
        guard access.role >= .write, (pinnedUntil ?? now) < now + BlobUploadService.pin / 2 else { return blob }
        return try await platform.database.write { transaction in
            // The collector may have come between: then the answer is that it does not exist.
            guard let blob = try BlobStore.find(digest, inRepository: repositoryID, in: transaction) else {
                throw Self.unknown(digest)
            }
            try BlobStore.link(
                blob.id, toRepository: repositoryID, pinnedUntil: now + BlobUploadService.pin, in: transaction)
            return blob
        }
    }

    /// Where the blob's bytes are. Errors: `.blobUnknown` when the location lost them.
    package func content(of blob: Blob) async throws -> ObjectContent {
        guard let content = try await platform.objects.content(of: blob.key), content.sizeBytes == blob.sizeBytes else {
            platform.logger.error("The bytes of blob \(blob.digest) are missing: \(blob.location)/\(blob.key)")
            throw Self.unknown(blob.digest)
        }
        return content
    }

    private static func unknown(_ digest: Digest) -> RegistryError {
        RegistryError(.blobUnknown, "There is no such blob in this repository.", details: ["digest": digest.text])
    }
}
