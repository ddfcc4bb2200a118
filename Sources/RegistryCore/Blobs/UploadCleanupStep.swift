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
        let now = platform.clock.now
        for upload in uploads {
            // The row goes first, if the upload still rests: whoever goes on with it now learns that it is gone. Its bytes
            // are written down as garbage with that, so that a crash leaves none.
            try await platform.database.write { transaction in
                guard try BlobUploadStore.delete(upload.uuid, idleSince: before, in: transaction) else { return }
                try GarbageStore.discard(
                    objectKey: upload.key.text, location: upload.location, withUpload: true,
                    sizeBytes: upload.mark.offset,
                    at: now, in: transaction)
            }
        }
        try await ObjectRemoval(platform: platform).run()
        return uploads.count
    }
}
