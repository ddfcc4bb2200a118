package import Foundation
import ObjectStorage
import Runtime
import SQL

/// Forgets uploads that nobody went on with, and the bytes they left.
package struct UploadCleanupStep: Sendable {
    /// How long an upload may rest. Seconds.
    package static let idle: TimeInterval = 86_400
    private static let batch = 100

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// One pass over at most a batch; answers how many uploads it removed.
    @discardableResult
    package func run() async throws -> Int {
        let before = platform.clock.now - Self.idle
        let uploads = try await platform.database.read {
            try BlobUploadStore.idle(since: before, limit: Self.batch, in: $0)
        }
        for upload in uploads where upload.location == platform.objects.location {
            // The row goes first, if the upload still rests: whoever goes on with it now learns that it is gone.
            let isGone = try await platform.database.write {
                try BlobUploadStore.delete(upload.uuid, idleSince: before, in: $0)
            }
            guard isGone else { continue }
            try await platform.objects.discard(upload.upload)
            // An upload that broke between the location and the database left an object that no blob names.
            let isUsed = try await platform.database.read {
                try BlobStore.hasObject(upload.key, atLocation: upload.location, in: $0)
            }
            if !isUsed { try await platform.objects.delete(upload.key) }
        }
        return uploads.count
    }
}
