import Foundation
import NIOCore
import ObjectStorage
import TestSupport

/// The kinds of locations that run the contract.
enum StoreKind: CaseIterable {
    case disk, memory, bucket

    /// Whether a second request to an upload is refused at once; a bucket lets the ledger decide at the end.
    var locksUploads: Bool { self != .bucket }
}

/// A fresh location of a kind, which goes away with the test.
struct Place {
    let store: any ObjectStore
    private let folder: TemporaryFolder?

    init(_ kind: StoreKind) async throws {
        switch kind {
        case .disk:
            let folder = try TemporaryFolder()
            store = try await LocalDiskStore.open(folder.path + "/storage", location: "local")
            self.folder = folder
        case .memory:
            store = MemoryStore()
            folder = nil
        case .bucket:
            store = try await S3Server.shared.store()
            folder = nil
        }
    }

    static func bytes(of content: ObjectContent?) async throws -> [UInt8]? {
        switch content {
        case nil: return nil
        case .memory(let buffer): return Array(buffer.readableBytesView)
        case .file(let path, _): return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        case .remote(let object):
            var bytes: [UInt8] = []
            for try await chunk in try await object.read(0..<object.sizeBytes) { bytes += chunk.readableBytesView }
            return bytes
        }
    }
}
