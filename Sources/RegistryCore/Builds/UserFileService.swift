import Crypto
package import Domain
import Foundation
package import NIOCore
package import ObjectStorage
import Runtime
import SQL
import Synchronization

/// Takes the files that people upload to build from: announced by a signed-in user, stored once, never changed.
package struct UserFileService: Sendable {
    /// A file that was announced: where to send its bytes.
    package struct Announced: Sendable {
        package let uuid: String
        package let url: String
    }

    /// A file that can be read.
    package struct Stored: Sendable {
        package let mimeType: String
        package let content: ObjectContent
    }

    /// No upload is larger, in bytes.
    package static let maximumBytes: Int64 = 1 << 30

    private let platform: Platform
    private let urls: UserFileURLs

    package init(platform: Platform) {
        self.platform = platform
        self.urls = UserFileURLs(cipher: platform.cipher, clock: platform.clock)
    }

    /// Makes room for one file of the caller's. Errors: `.unauthenticated` for callers who are no user, `.invalidRequest`.
    /// - Parameters:
    ///   - mimeType: comes back as the Content-Type when a builder reads the file.
    ///   - base: scheme and host of the site, without a slash at the end.
    package func announce(mimeType: String, base: String, by caller: Caller) async throws -> Announced {
        guard case .user(let accountID, _) = caller.identity else {
            throw RegistryError(.unauthenticated, "Requires authentication")
        }
        guard (1...255).contains(mimeType.utf8.count), mimeType.contains("/"),
            mimeType.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw RegistryError(.invalidRequest, "mimeType must be a media type, such as application/gzip.") }
        let uuid = platform.identifiers.uuid()
        let file = UserFile(
            uuid: uuid, accountID: accountID, repositoryID: nil, mimeType: mimeType,
            location: platform.objects.location,
            objectKey: try ObjectKey(area: "userfiles", identifier: uuid).text, checksum: nil, sizeBytes: nil,
            createdAt: platform.clock.now)
        try await platform.database.write { try UserFileStore.insert(file, in: $0) }
        return Announced(
            uuid: uuid,
            url: try urls.url(.store, file: uuid, base: base, lifetime: UserFileURLs.storeLifetime))
    }

    /// Stores the bytes of an announced file, streamed with back pressure.
    ///
    /// Errors: `.forbidden` for a signature that isn't good for this; `.conflict` for a file that is stored already;
    /// `.tooLarge`, `.storageFull`, whatever the stream throws.
    package func store(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, as uuid: String, signature: String
    ) async throws {
        try check(signature, .store, uuid)
        guard let file = try await platform.database.read({ try UserFileStore.find(uuid, in: $0) }) else {
            throw Self.refused
        }
        guard file.checksum == nil else { throw Self.isStored }
        guard let store = platform.locations.store(at: file.location) else { throw Self.refused }
        // Each try is an upload of its own: two that race don't mix their bytes, and the first to end wins.
        let attempt = platform.identifiers.uuid()
        let key = try ObjectKey(area: "userfiles", identifier: attempt)
        let hash = RunningHash()
        let capped = CappedChunks(
            base: chunks, limit: Self.maximumBytes,
            excess: RegistryError(.tooLarge, "A build file can have \(Self.maximumBytes) bytes at most."))
        do {
            try await store.put(capped, as: key) { hash.add($0) }
        } catch let error as ObjectStorageError {
            try await store.discard(UploadKey(key))
            throw Self.translate(error)
        } catch {
            try await store.discard(UploadKey(key))
            throw error
        }
        let now = platform.clock.now
        let (checksum, size) = (hash.hexadecimal, hash.count)
        let isFirst = try await platform.database.write {
            try UserFileStore.stored(
                uuid, objectKey: key.text, checksum: checksum, sizeBytes: size, at: now, in: $0)
        }
        guard isFirst else {
            try await store.delete(key)
            throw Self.isStored
        }
    }

    /// The bytes of a stored file. Errors: `.forbidden` for a signature that isn't good for this; `.notFound`.
    package func read(_ uuid: String, signature: String) async throws -> Stored {
        try check(signature, .read, uuid)
        guard let file = try await platform.database.read({ try UserFileStore.find(uuid, in: $0) }),
            file.checksum != nil,
            let content = try await platform.locations.store(at: file.location)?
                .content(of: ObjectKey(stored: file.objectKey))
        else { throw RegistryError(.notFound, "Not Found") }
        return Stored(mimeType: file.mimeType, content: content)
    }

    private func check(_ signature: String, _ use: UserFileURLs.Use, _ uuid: String) throws {
        do { try urls.check(signature, for: use, file: uuid) } catch { throw Self.refused }
    }

    private static func translate(_ error: ObjectStorageError) -> RegistryError {
        switch error.kind {
        case .full: RegistryError(.storageFull, "The storage is full.", cause: error)
        default: RegistryError(.unavailable, "The file could not be stored.", cause: error)
        }
    }

    private static let refused = RegistryError(.forbidden, "The address is not valid, or not any more.")
    private static let isStored = RegistryError(.conflict, "The file is stored already, and can't be changed.")
}

/// A SHA-256 that grows with each piece, on whatever thread stores it.
private final class RunningHash: Sendable {
    private struct State {
        var hasher = SHA256()
        var count: Int64 = 0
    }
    private let state = Mutex(State())

    func add(_ bytes: UnsafeRawBufferPointer) {
        state.withLock { state in
            state.hasher.update(bufferPointer: bytes)
            state.count += Int64(bytes.count)
        }
    }

    var count: Int64 { state.withLock(\.count) }
    var hexadecimal: String {
        state.withLock { $0.hasher.finalize() }.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
    }
}
