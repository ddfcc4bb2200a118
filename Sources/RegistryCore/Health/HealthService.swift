import Domain
import Logging
import NIOCore
import ObjectStorage
import Runtime
import SQL
import Secrets
import Synchronization

/// Tries what every request needs, for the health endpoints.
package struct HealthService: Sendable {
    /// With fewer free bytes the storage can't be relied on to take a layer any more.
    package static let minimumFreeBytes: Int64 = 256 * 1_048_576
    /// With fewer free bytes somebody should look.
    package static let lowFreeBytes: Int64 = 2048 * 1_048_576

    private let platform: Platform
    private let keys: ServiceKeys

    package init(platform: Platform, keys: ServiceKeys) {
        self.platform = platform
        self.keys = keys
    }

    /// Throws what the database throws when it can't be asked.
    package func checkDatabase() async throws {
        _ = try await platform.database.read { try $0.number("SELECT 1") }
    }

    /// Throws what the database throws when no account could be looked up.
    package func checkAccounts() async throws {
        _ = try await platform.database.read { try AccountStore.hasUsers(in: $0) }
    }

    /// Throws when no registry token could be signed now, or when other replicas would not find the key it is signed with.
    package func checkServiceKey() async throws {
        let signing = try await keys.signingKeyID()
        guard try await keys.publicKeys().contains(where: { $0.kid == signing }) else {
            throw RegistryError(.internalError, "The service key \(signing) is not in the key set.")
        }
    }

    /// Writes a few bytes to the storage, reads them again and removes them. Throws what the storage throws.
    package func checkStorage() async throws {
        let identifier = platform.identifiers.uuid()
        let upload = UploadKey(try ObjectKey(area: "health", identifier: identifier))
        let bytes = Array(identifier.utf8)
        let stream = AsyncThrowingStream<ByteBuffer, any Error> { continuation in
            continuation.yield(ByteBuffer(bytes: bytes))
            continuation.finish()
        }
        let found = Mutex<[UInt8]>([])
        let ledger = PrivateLedger()
        do {
            try await platform.objects.append(stream, to: upload, at: .start, for: ledger)
            try await platform.objects.replay(upload, to: ledger.mark) { piece in
                found.withLock { $0.append(contentsOf: piece) }
            }
        } catch {
            do { try await platform.objects.discard(upload) } catch {
                platform.logger.warning("The health check's upload \(upload) stays behind: \(error)")
            }
            throw error
        }
        try await platform.objects.discard(upload)
        guard found.withLock({ $0 == bytes }) else {
            throw ObjectStorageError(.failed, "The storage gave back other bytes than it was given.")
        }
    }

    /// Throws `.full` when the storage has fewer than `minimum` bytes left, and what it throws when it can't be asked.
    package func checkFreeSpace(atLeast minimum: Int64) async throws {
        guard let free = try await platform.objects.freeBytes(), free < minimum else { return }
        throw ObjectStorageError(.full, "The storage has \(free) bytes left.")
    }
}
