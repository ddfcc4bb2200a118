package import Domain
package import Foundation
import Logging
package import NIOCore
package import OCI
import ObjectStorage
import Runtime
import SQL
import Synchronization

/// Takes blobs from clients, in one request or in many, through any replica.
///
/// An upload belongs to the repository and the subject that began it. Bytes count once the location has stored them and
/// the row says so; what a broken request left beyond that is cut off by the next one.
package struct BlobUploadService: Sendable {
    /// Where an upload stands.
    package struct Status: Sendable, Hashable {
        package let uuid: String
        package let progress: UploadProgress
    }

    /// How long a blob is kept without a manifest after an upload, a mount, or a pusher's question. Seconds.
    package static let pin: TimeInterval = 3600
    /// How many uploads one subject may have under way.
    package static let maximumUploadsPerSubject: Int64 = 1000
    /// MAXIMUM_LAYER_SIZE: 20 GiB, in bytes.
    package static let maximumBlobBytes: Int64 = 20 << 30
    /// How many repositories are asked for a mount whose source is not named.
    private static let mountCandidates = 50

    private let platform: Platform
    private let accessControl: AccessControl
    private let quotas: QuotaMeter

    package init(platform: Platform, access: AccessControl, quotas: QuotaMeter) {
        self.platform = platform
        self.accessControl = access
        self.quotas = quotas
    }

    /// Begins an upload. Errors: `.throttled`, and those of a push.
    /// - Parameter algorithm: what the digest will be made with; another one at the end only costs a second reading.
    package func begin(
        by algorithm: Digest.Algorithm = .sha256, in access: RepositoryAccess
    ) async throws -> Status {
        let uuid = platform.identifiers.uuid()
        let now = platform.clock.now
        let subject = Self.subject(access.caller)
        let upload = BlobUpload(
            uuid: uuid, repositoryID: access.repository.id, mark: .start, algorithm: algorithm,
            hasher: DigestHasher(algorithm), location: platform.objects.location,
            key: try ObjectKey(area: "blobs", identifier: uuid))
        try await quotas.counting {
            try await platform.database.write { transaction in
                try WriteCheck.push(into: access, in: transaction)
                try quotas.requireRoom(in: access, at: now, transaction)
                guard try BlobUploadStore.count(subject: subject, in: transaction) < Self.maximumUploadsPerSubject
                else {
                    throw RegistryError(
                        .throttled, "Too many uploads are under way: finish or cancel some.",
                        details: ["retry_after": "60"]
                    )
                }
                try BlobUploadStore.insert(upload, subject: subject, at: now, in: transaction)
            }
        }
        return Status(uuid: uuid, progress: UploadProgress(offset: 0))
    }

    /// Errors: `.blobUploadUnknown`, also for an upload of another repository or subject.
    package func status(_ uuid: String, in access: RepositoryAccess) async throws -> Status {
        Status(uuid: uuid, progress: UploadProgress(offset: try await find(uuid, in: access).mark.offset))
    }

    /// Stores a piece of the blob, streamed with back pressure. When the client breaks off, what came is kept.
    ///
    /// Errors: `.blobUploadUnknown`, `.rangeInvalid` (a gap, an overlap, or another length than announced), `.conflict`,
    /// `.tooLarge`, `.storageFull`, whatever the stream throws.
    package func append(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, to uuid: String,
        as piece: UploadProgress.Piece? = nil, announced: Int64? = nil, in access: RepositoryAccess
    ) async throws -> Status {
        let upload = try await find(uuid, in: access)
        return try await append(chunks, to: upload, as: piece, announced: announced, in: access)
    }

    /// Ends an upload with its last piece, if any: checks the digest, and links the blob to the repository.
    ///
    /// Two uploads of one digest both succeed, and one copy is kept. A wrong digest ends the upload and leaves nothing.
    /// Errors: as ``append(_:to:as:announced:in:)``; `.digestInvalid`.
    package func finish(
        _ uuid: String, with chunks: (some AsyncSequence<ByteBuffer, any Error> & Sendable)?,
        as piece: UploadProgress.Piece? = nil, announced: Int64? = nil, digest: Digest, in access: RepositoryAccess
    ) async throws -> Blob {
        var upload = try await find(uuid, in: access)
        if let chunks {
            let status = try await append(chunks, to: upload, as: piece, announced: announced, in: access)
            upload = try await find(uuid, in: access)
            guard upload.mark.offset == status.progress.offset else { throw Self.busy }
        }
        let hash = try await hash(of: upload, by: digest.algorithm)
        guard hash.digest() == digest else {
            try await remove(upload)
            throw RegistryError(
                .digestInvalid, "The uploaded bytes do not have the digest that was named.",
                details: ["digest": digest.text])
        }
        try await stored { try await objects(of: upload).commit(upload.upload, at: upload.mark) }
        return try await link(upload, digest: digest, in: access)
    }

    /// Errors: `.blobUploadUnknown`.
    package func cancel(_ uuid: String, in access: RepositoryAccess) async throws {
        try await remove(try await find(uuid, in: access))
    }

    /// Makes a blob of another repository readable here, without its bytes moving; nil when it can't be.
    /// - Parameter source: the proof that the caller may read there; nil to look through what the caller may read.
    package func mount(
        _ digest: Digest, from source: RepositoryAccess?, in access: RepositoryAccess
    ) async throws -> Blob? {
        let now = platform.clock.now
        let mounted: Blob? = try await quotas.counting {
            try await platform.database.write { transaction in
                try WriteCheck.push(into: access, in: transaction)
                let candidates: [Int64]
                if let source {
                    candidates = [source.repository.id]
                } else {
                    candidates = try readable(digest, access.caller, transaction)
                }
                for repositoryID in candidates {
                    guard let blob = try BlobStore.find(digest, inRepository: repositoryID, in: transaction) else {
                        continue
                    }
                    try quotas.add(blob, to: access, at: now, transaction)
                    try BlobStore.link(
                        blob.id, toRepository: access.repository.id, pinnedUntil: now + Self.pin, in: transaction)
                    return blob
                }
                return nil
            }
        }
        if mounted != nil { platform.logger.debug("Mounted \(digest) into \(access.repository.name)") }
        return mounted
    }

    /// The repository from which a mount would succeed, if the caller came with a registry token that names it; nil when
    /// there is none.
    /// - Parameter source: the only one to look at; nil to look through what the caller may read.
    package func hiddenSource(
        of digest: Digest, from source: RepositoryName?, in access: RepositoryAccess
    ) async throws -> RepositoryName? {
        try await platform.database.read { transaction in
            let candidates =
                try source.map { [try RepositoryStore.find($0, in: transaction)].compactMap { $0 } }
                ?? BlobStore.repositories(linking: digest, limit: Self.mountCandidates, in: transaction).compactMap {
                    try RepositoryStore.find(id: $0, in: transaction)
                }
            return try candidates.first { repository in
                try repository.state != .markedForDeletion
                    && BlobStore.find(digest, inRepository: repository.id, in: transaction) != nil
                    && accessControl.isHiddenByToken(repository, from: access.caller, transaction)
            }?.name
        }
    }

    private func readable(_ digest: Digest, _ caller: Caller, _ transaction: any Transaction) throws -> [Int64] {
        try BlobStore.repositories(linking: digest, limit: Self.mountCandidates, in: transaction).filter { id in
            guard let repository = try RepositoryStore.find(id: id, in: transaction),
                repository.state != .markedForDeletion
            else { return false }
            return try accessControl.role(of: caller, in: repository, transaction) != nil
        }
    }

    private func append(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, to upload: BlobUpload,
        as piece: UploadProgress.Piece?, announced: Int64?, in access: RepositoryAccess
    ) async throws -> Status {
        let offset = upload.mark.offset
        do { try UploadProgress(offset: offset).check(piece, announced: announced) } catch {
            throw Self.outOfRange(error)
        }
        let room = Self.maximumBlobBytes - offset
        guard announced ?? 0 <= room else { throw Self.tooLarge }
        let quotaRoom = try await quotas.roomBytes(in: access, for: offset + (announced ?? 0)).map { $0 - offset }
        guard announced ?? 0 <= quotaRoom ?? .max else { throw QuotaMeter.noRoom }
        let ledger = BlobUploadLedger(
            upload, hasher: try await hash(of: upload, by: upload.algorithm), piece: piece, platform: platform)
        try await stored {
            let most = min(room, piece?.count ?? .max)
            var excess = piece == nil ? Self.tooLarge : Self.outOfRange(.init(offset: offset))
            if let quotaRoom, quotaRoom < most { excess = QuotaMeter.noRoom }
            try await objects(of: upload).append(
                CappedChunks(base: chunks, limit: min(most, quotaRoom ?? most), excess: excess),
                to: upload.upload, at: upload.mark, for: ledger)
        }
        return Status(uuid: upload.uuid, progress: ledger.progress)
    }

    private func hash(of upload: BlobUpload, by algorithm: Digest.Algorithm) async throws -> DigestHasher {
        // A hash that was written down says nothing of bytes that a power failure may have taken.
        let store = try objects(of: upload)
        if let hasher = upload.hasher, hasher.algorithm == algorithm, store.isKept(upload.mark) { return hasher }
        let hasher = Mutex(DigestHasher(algorithm))
        try await stored {
            try await store.replay(upload.upload, to: upload.mark) { bytes in
                hasher.withLock { $0.update(bytes) }
            }
        }
        return hasher.withLock { $0 }
    }

    private func link(_ upload: BlobUpload, digest: Digest, in access: RepositoryAccess) async throws -> Blob {
        let now = platform.clock.now
        // A blob whose object was lost is healed by the next upload of its bytes.
        let known = try await platform.database.read {
            try BlobStore.find(digest, atLocation: upload.location, in: $0)
        }
        var lost: Blob?
        if let known, try await objects(of: upload).content(of: known.key)?.sizeBytes != known.sizeBytes {
            lost = known
        }
        let linked: (blob: Blob, isOurs: Bool)?
        do {
            linked = try await quotas.counting {
                try await platform.database.write { [lost] in try link(upload, digest, lost, in: access, at: now, $0) }
            }
        } catch let error as RegistryError where error.kind == .denied {
            // A push that is refused leaves nothing behind.
            try await remove(upload)
            try await objects(of: upload).delete(upload.key)
            throw error
        }
        guard let linked else { throw Self.unknown(upload.uuid) }
        // The collector would do it; the space is free sooner.
        if !linked.isOurs { try await objects(of: upload).delete(upload.key) }
        return linked.blob
    }

    /// Writes the blob's row and its link; nil when somebody else ended the upload.
    private func link(
        _ upload: BlobUpload, _ digest: Digest, _ lost: Blob?, in access: RepositoryAccess, at now: Date,
        _ transaction: any Transaction
    ) throws -> (blob: Blob, isOurs: Bool)? {
        try WriteCheck.push(into: access, in: transaction)
        guard try BlobUploadStore.delete(upload.uuid, in: transaction) else {
            // Somebody else ended the upload. Where that was the cleanup, nobody else knows of our object.
            if try !BlobStore.hasObject(upload.key, atLocation: upload.location, in: transaction) {
                try discard(upload, at: now, transaction)
            }
            return nil
        }
        let inserted = try BlobStore.insert(
            digest, sizeBytes: upload.mark.offset, location: upload.location, key: upload.key, at: now,
            in: transaction)
        if inserted == nil, let lost { try BlobStore.move(lost, to: upload.key, at: now, in: transaction) }
        guard let blob = try inserted ?? BlobStore.find(digest, atLocation: upload.location, in: transaction) else {
            throw RegistryError(.internalError, "The blob \(digest) was not written.")
        }
        try quotas.add(blob, to: access, at: now, transaction)
        try BlobStore.link(
            blob.id, toRepository: access.repository.id, pinnedUntil: now + Self.pin, in: transaction)
        let isOurs = blob.key == upload.key
        if !isOurs { try discard(upload, at: now, transaction) }
        return (blob, isOurs)
    }

    /// From now on no row names what there is of the upload.
    private func discard(_ upload: BlobUpload, at now: Date, _ transaction: any Transaction) throws {
        try GarbageStore.discard(
            objectKey: upload.key.text, location: upload.location, withUpload: true, sizeBytes: upload.mark.offset,
            at: now,
            in: transaction)
    }

    private func find(_ uuid: String, in access: RepositoryAccess) async throws -> BlobUpload {
        try access.require(.write)
        let subject = Self.subject(access.caller)
        guard
            let upload = try await platform.database.read({
                try BlobUploadStore.find(uuid, inRepository: access.repository.id, subject: subject, in: $0)
            })
        else { throw Self.unknown(uuid) }
        return upload
    }

    private func remove(_ upload: BlobUpload) async throws {
        let now = platform.clock.now
        try await platform.database.write { transaction in
            guard try BlobUploadStore.delete(upload.uuid, in: transaction) else { return }
            try discard(upload, at: now, transaction)
        }
        // Where this fails or never happens, the collector does it.
        try await stored { try await objects(of: upload).discard(upload.upload) }
    }

    /// Where the upload was begun, which need not be where one would begin now. Errors: `.blobUploadUnknown`.
    private func objects(of upload: BlobUpload) throws -> any ObjectStore {
        guard let store = platform.locations.store(at: upload.location) else { throw Self.unknown(upload.uuid) }
        return store
    }

    /// The name under which an upload is bound to whoever began it.
    private static func subject(_ caller: Caller) -> String {
        if case .repositoryToken(let grant) = caller.identity { return "$token:\(grant.tokenID)" }
        return caller.name ?? "(anonymous)"
    }

    /// Says in the registry's words what the location said.
    private func stored<Value>(_ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let error as ObjectStorageError {
            switch error.kind {
            case .busy: throw Self.busy
            case .full: throw RegistryError(.storageFull, "The registry has no space left for blobs.", cause: error)
            case .notFound, .tooShort:
                throw RegistryError(.blobUploadUnknown, "The upload is gone: begin again.", cause: error)
            case .unavailable:
                throw RegistryError(
                    .unavailable, "The registry's storage does not answer: try again in a while.", cause: error)
            case .foreign, .failed:
                throw RegistryError(.internalError, "The registry could not store the blob.", cause: error)
            }
        }
    }

    private static let tooLarge = RegistryError(.tooLarge, "The blob is larger than this registry accepts.")
    static let busy = RegistryError(.conflict, "Another request is writing this upload.")

    static func unknown(_ uuid: String) -> RegistryError {
        RegistryError(.blobUploadUnknown, "There is no such upload here.", details: ["uuid": uuid])
    }

    static func outOfRange(_ mismatch: UploadProgress.Mismatch) -> RegistryError {
        RegistryError(
            .rangeInvalid, "The next piece must begin at byte \(mismatch.offset) and be as long as it says.",
            details: ["range": UploadProgress(offset: mismatch.offset).range])
    }
}
