package import Domain
import Foundation
import Logging
package import OCI
package import ObjectStorage
import Runtime
import SQL

/// Finds the bytes of blobs, for those who may read a repository that links them.
package struct BlobReader: Sendable {
    /// How long an address for fetching bytes elsewhere holds: long enough to begin, and for clocks that differ.
    private static let directLifetime = Duration.seconds(300)

    private let platform: Platform
    private let accessControl: AccessControl
    private let proxiesStorage: Bool

    /// - Parameter proxiesStorage: FEATURE_PROXY_STORAGE.
    package init(platform: Platform, access: AccessControl, proxiesStorage: Bool = false) {
        self.platform = platform
        self.accessControl = access
        self.proxiesStorage = proxiesStorage
    }

    /// The blob of that digest in the repository, with the proof that `caller` may read there: rights and rows are asked
    /// for in one snapshot. Whoever may push here learns with it that the blob stays for a while: a client that is told
    /// "it exists" does not upload it.
    ///
    /// Errors: `.blobUnknown`, and those of ``AccessControl/repository(_:_:for:)``.
    package func find(
        _ digest: Digest, of name: RepositoryName, for caller: Caller
    ) async throws -> (blob: Blob, access: RepositoryAccess) {
        let (found, access) = try await platform.database.read { transaction in
            let access = try accessControl.repository(name, .read, for: caller, in: transaction)
            return (try nearest(digest, inRepository: access.repository.id, transaction), access)
        }
        guard let found else { throw Self.unknown(digest) }
        return (try await pinned(found.blob, until: found.pinnedUntil, in: access), access)
    }

    /// The same question of somebody who holds the proof already.
    package func find(_ digest: Digest, in access: RepositoryAccess) async throws -> Blob {
        let found = try await platform.database.read {
            try nearest(digest, inRepository: access.repository.id, $0)
        }
        guard let found else { throw Self.unknown(digest) }
        return try await pinned(found.blob, until: found.pinnedUntil, in: access)
    }

    /// The same bytes may be in several locations.
    private func nearest(
        _ digest: Digest, inRepository repositoryID: Int64, _ transaction: any Transaction
    ) throws -> (blob: Blob, pinnedUntil: Date)? {
        let locations = platform.locations
        return try BlobStore.all(digest, inRepository: repositoryID, in: transaction)
            .min { locations.rank(of: $0.blob.location) < locations.rank(of: $1.blob.location) }
    }

    /// Written at most once in half a pin's time, so that a pull stays a read.
    private func pinned(_ blob: Blob, until end: Date, in access: RepositoryAccess) async throws -> Blob {
        let now = platform.clock.now
        guard access.role >= .write, end < now + BlobUploadService.pin / 2 else { return blob }
        do {
            return try await pin(blob.digest, until: now + BlobUploadService.pin, in: access.repository.id)
        } catch let full as DatabaseError where full.kind == .diskFull {
            // Pulls go on when the disk is full. A pusher who relies on the blob learns it from the manifest, at the worst.
            return blob
        }
    }

    private func pin(_ digest: Digest, until moment: Date, in repositoryID: Int64) async throws -> Blob {
        try await platform.database.write { transaction in
            // The collector may have come between: then the answer is that it does not exist.
            guard let blob = try nearest(digest, inRepository: repositoryID, transaction)?.blob else {
                throw Self.unknown(digest)
            }
            try BlobStore.link(blob.id, toRepository: repositoryID, pinnedUntil: moment, in: transaction)
            return blob
        }
    }

    /// Where the blob's bytes are. Errors: `.blobUnknown` when the location lost them; `.unavailable`.
    package func content(of blob: Blob) async throws -> ObjectContent {
        guard let store = platform.locations.store(at: blob.location) else {
            platform.logger.error("Blob \(blob.digest) is in the location \(blob.location), which is not configured.")
            throw Self.unknown(blob.digest)
        }
        let found: ObjectContent?
        do { found = try await store.content(of: blob.key) } catch let error as ObjectStorageError {
            throw Self.unavailable(error)
        }
        guard let content = found, content.sizeBytes == blob.sizeBytes else {
            platform.logger.error("The bytes of blob \(blob.digest) are missing: \(blob.location)/\(blob.key)")
            throw Self.unknown(blob.digest)
        }
        return content
    }

    /// Where whoever asked may fetch the bytes without us; nil when we send them ourselves. Errors: `.unavailable`.
    package func directAddress(of content: ObjectContent) async throws -> String? {
        guard !proxiesStorage, case .remote(let object) = content else { return nil }
        do { return try await object.address(Self.directLifetime) } catch let error as ObjectStorageError {
            throw Self.unavailable(error)
        }
    }

    private static func unavailable(_ error: ObjectStorageError) -> RegistryError {
        error.kind == .unavailable
            ? RegistryError(
                .unavailable, "The registry's storage does not answer: try again in a while.", cause: error)
            : RegistryError(.internalError, "The registry could not read the blob.", cause: error)
    }

    private static func unknown(_ digest: Digest) -> RegistryError {
        RegistryError(.blobUnknown, "There is no such blob in this repository.", details: ["digest": digest.text])
    }
}
