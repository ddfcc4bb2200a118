import Domain
import Foundation
import Logging
import NIOCore
import NIOPosix
package import OCI
import ObjectStorage
import SQL

/// Reads the configuration of images out of the object store, for their labels and for how their layers were made.
///
/// A configuration is what a stranger pushed: it may be large, missing, or no configuration at all. Then there is none,
/// and the image is pushed, pulled and shown like any other.
package struct ImageConfigReader: Sendable {
    /// A larger configuration is not read, in bytes.
    package static let maximumBytes: Int64 = 1_048_576

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The configuration of an image that the repository has, or is about to get; nil when there is none to be read.
    /// Never inside a transaction: it waits for the object store. Errors: those of the database and the object store.
    package func config(of manifest: Manifest, inRepository repositoryID: Int64) async throws -> ImageConfig? {
        guard case .image(let image) = manifest.content,
            image.config.mediaType == .ociConfig || image.config.mediaType == .dockerConfig
        else { return nil }
        let digest = image.config.digest
        let blob = try await platform.database.read {
            try BlobStore.find(digest, inRepository: repositoryID, in: $0)
        }
        guard let blob, (1...Self.maximumBytes).contains(blob.sizeBytes),
            let content = try await platform.objects.content(of: blob.key), content.sizeBytes == blob.sizeBytes
        else { return nil }
        let bytes = try await Self.bytes(of: content)
        do { return try ImageConfig(bytes) } catch {
            platform.logger.debug("The configuration \(digest) of an image has no labels to read: \(error)")
            return nil
        }
    }

    /// All bytes of a small object. Errors: ``ObjectStorageError``.
    private static func bytes(of content: ObjectContent) async throws -> [UInt8] {
        switch content {
        case .memory(let buffer): return Array(buffer.readableBytesView)
        case .file(let path, _):
            return try await NIOThreadPool.singleton.runIfActive {
                do { return Array(try Data(contentsOf: URL(fileURLWithPath: path))) } catch {
                    throw ObjectStorageError(.failed, "Reading \(path): \(error)")
                }
            }
        case .remote(let object):
            var bytes: [UInt8] = []
            for try await chunk in try await object.read(0..<object.sizeBytes) {
                bytes += chunk.readableBytesView
            }
            return bytes
        }
    }
}
