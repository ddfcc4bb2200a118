import Foundation
import NIOCore
import NIOPosix
import OCI
import ObjectStorage

/// Reads an object from its first byte to its last and says what it is.
enum ObjectDigest {
    private static let pieceBytes = 1 << 20

    /// The digest of an object's bytes; nil when it is gone before it could be read.
    static func read(_ content: ObjectContent, by algorithm: Digest.Algorithm) async throws -> Digest? {
        switch content {
        case .memory(let buffer):
            return Digest(of: Array(buffer.readableBytesView), by: algorithm)
        case .file(let path, _):
            return try await NIOThreadPool.singleton.runIfActive { try file(path, algorithm) }
        case .remote(let object):
            var hasher = DigestHasher(algorithm)
            do {
                for try await piece in try await object.read(0..<object.sizeBytes) {
                    piece.withUnsafeReadableBytes { hasher.update($0) }
                }
            } catch let error as ObjectStorageError where error.kind == .notFound { return nil }
            return hasher.digest()
        }
    }

    private static func file(_ path: String, _ algorithm: Digest.Algorithm) throws -> Digest? {
        guard let file = FileHandle(forReadingAtPath: path) else {
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            throw ObjectStorageError(.failed, "The object \(path) can't be opened.")
        }
        defer { try? file.close() }
        var hasher = DigestHasher(algorithm)
        while let piece = try file.read(upToCount: pieceBytes), !piece.isEmpty {
            piece.withUnsafeBytes { hasher.update($0) }
        }
        return hasher.digest()
    }
}
