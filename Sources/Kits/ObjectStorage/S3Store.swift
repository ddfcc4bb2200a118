import AWS
import Foundation
import Logging
package import NIOCore
import Runtime

/// A bucket, or a part of one, as a location.
///
/// Layout, below the prefix: `registry-storage` is the marker that the place is ours, `<area>/ab/<identifier>` are objects,
/// `uploads/<upload>/<state>` is what an upload under way needs beside the parts of its multipart upload. A state is
/// written once and never changed, and the ledger says which one counts: so requests that race, in one process or in
/// many, can't mix their bytes. See docs/decisions/0090.
package struct S3Store: ObjectStore {
    /// The parts of an upload, in bytes: what a request holds in memory, and what waits in a state at most.
    static let partBytes = S3Client.minimumPartBytes

    package let location: String
    let client: S3Client
    let settings: S3Settings
    let logger: Logger
    private let randomness: Randomness

    init(_ settings: S3Settings, location: String, logger: Logger, randomness: Randomness) {
        self.location = location
        self.settings = settings
        self.logger = logger
        self.randomness = randomness
        client = settings.client(randomness: randomness)
    }

    package func append(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, to upload: UploadKey, at mark: UploadMark,
        for ledger: some UploadLedger
    ) async throws {
        try await ledger.confirm()
        var writer = S3UploadWriter(
            client: client, key: name(of: upload.object), state: try await state(of: upload, at: mark))
        var failure: (any Error)?
        do {
            for try await chunk in chunks { try await writer.add(chunk, for: ledger) }
        } catch { failure = Self.translated(error) }
        var next = mark
        if writer.hasGrown {
            next = UploadMark(offset: writer.state.offset, state: randomness.text(24, from: Self.letters))
            // Also after a failure of the service: what is in hand may still find its place.
            do { try await client.put(writer.state.bytes(), as: name(of: upload, state: next.state)) } catch {
                throw failure ?? Self.translated(error)
            }
            try await writer.observeRest(for: ledger)
        }
        do { try await ledger.acknowledge(next, after: failure) } catch {
            if next != mark {
                await tidy("a state of \(upload) that doesn't count") {
                    try await client.delete(name(of: upload, state: next.state))
                    if let begun = writer.begun { try await client.abortMultipart(writer.key, id: begun) }
                }
            }
            throw error
        }
        if next != mark, !mark.state.isEmpty {
            await tidy("the old state of \(upload)") { try await client.delete(name(of: upload, state: mark.state)) }
        }
        if let failure { throw failure }
    }

    /// The parts of a multipart upload can't be read until it is complete: one that has parts becomes the object now, and
    /// takes no more bytes.
    package func replay(
        _ upload: UploadKey, to mark: UploadMark,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws {
        guard mark.offset > 0 else { return }
        try await translating {
            let state = try await state(of: upload, at: mark)
            guard !state.etags.isEmpty else { return state.tail.withUnsafeBytes(observer) }
            try await complete(upload, state)
            let content = S3Content(client: client, key: name(of: upload.object))
            for try await chunk in content.bytes(0..<mark.offset) { chunk.withUnsafeReadableBytes(observer) }
        }
    }

    package func commit(_ upload: UploadKey, at mark: UploadMark) async throws {
        try await translating {
            let key = name(of: upload.object)
            let state: S3UploadState
            do { state = try await self.state(of: upload, at: mark) } catch let error as ObjectStorageError
                where error.kind == .notFound
            {
                // Committed before, most likely.
                guard try await client.head(key)?.sizeBytes == mark.offset else { throw error }
                return
            }
            if state.etags.isEmpty {
                try await client.put(state.tail, as: key)
            } else {
                try await complete(upload, state)
            }
            await tidy("the states of \(upload)") { try await removeStates(of: upload) }
            // Others may have begun one too, and lost.
            if !state.etags.isEmpty { await tidy("the parts of \(upload)") { try await abortAll(upload) } }
        }
    }

    package func discard(_ upload: UploadKey) async throws {
        try await translating {
            try await abortAll(upload)
            try await removeStates(of: upload)
        }
    }

    package func content(of key: ObjectKey) async throws -> ObjectContent? {
        try await translating {
            let name = name(of: key)
            guard let head = try await client.head(name) else { return nil }
            let content = S3Content(client: client, key: name)
            return .remote(
                RemoteObject(
                    sizeBytes: head.sizeBytes, read: { content.bytes($0) },
                    address: { lifetime, presentation in
                        try await Self.translating {
                            try await client.presignedAddress(
                                of: name, lifetime: lifetime, contentType: presentation.contentType,
                                contentEncoding: presentation.contentEncoding)
                        }
                    }))
        }
    }

    package func delete(_ key: ObjectKey) async throws {
        try await translating { try await client.delete(name(of: key)) }
    }

    package func objects(after key: ObjectKey?, limit: Int) async throws -> [StoredObject] {
        try await translating {
            var found: [StoredObject] = []
            var last = key.map(name)
            var hasMore = true
            while hasMore, found.count < limit {
                let page = try await client.list(prefix: prefix, after: last, limit: min(1000, limit))
                for object in page.objects where found.count < limit {
                    guard let key = try? ObjectKey(stored: String(object.key.dropFirst(prefix.count))) else { continue }
                    found.append(StoredObject(key: key, sizeBytes: object.sizeBytes, storedAt: object.modifiedAt))
                }
                (last, hasMore) = (page.objects.last?.key, page.hasMore)
            }
            return found
        }
    }

    package func freeBytes() -> Int64? { nil }
}

/// How an upload is kept.
extension S3Store {
    private static let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")

    /// Of all names in the bucket that are ours.
    var prefix: String { settings.prefix.isEmpty ? "" : settings.prefix + "/" }

    private func name(of key: ObjectKey) -> String { prefix + key.text }
    private func name(of upload: UploadKey, state: String) -> String { "\(prefix)uploads/\(upload)/\(state)" }

    private func state(of upload: UploadKey, at mark: UploadMark) async throws -> S3UploadState {
        if mark == .start { return S3UploadState() }
        guard !mark.state.isEmpty, mark.state.allSatisfy(Self.letters.contains) else {
            throw ObjectStorageError(.notFound, "The upload \(upload) is not in this bucket.")
        }
        let bytes: [UInt8]?
        do { bytes = try await client.get(name(of: upload, state: mark.state)) } catch { throw Self.translated(error) }
        guard let bytes else { throw ObjectStorageError(.notFound, "There is no upload \(upload).") }
        let state: S3UploadState
        do { state = try S3UploadState(bytes) } catch {
            throw ObjectStorageError(.failed, "The state of the upload \(upload) can't be read: \(error)")
        }
        guard state.offset >= mark.offset else {
            throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(mark.offset) bytes.")
        }
        guard state.offset == mark.offset else {
            throw ObjectStorageError(.failed, "The state of the upload \(upload) is another one's.")
        }
        return state
    }

    private func complete(_ upload: UploadKey, _ state: S3UploadState) async throws {
        let key = name(of: upload.object)
        // No other upload has this name: what is there was completed before.
        if try await client.head(key)?.sizeBytes == state.offset { return }
        guard let id = state.multipart else { throw ObjectStorageError(.failed, "The upload \(upload) has no id.") }
        do {
            var etags = state.etags
            if !state.tail.isEmpty {
                etags.append(try await client.uploadPart(etags.count + 1, of: key, id: id, state.tail))
            }
            try await client.completeMultipart(key, id: id, etags: etags)
        } catch let error as S3Error where error.kind == .noSuchUpload {
            // An earlier try may have succeeded.
            guard try await client.head(key)?.sizeBytes == state.offset else { throw error }
        }
    }

    private func removeStates(of upload: UploadKey) async throws {
        let folder = "\(prefix)uploads/\(upload)/"
        var hasMore = true
        while hasMore {
            let page = try await client.list(prefix: folder, after: nil, limit: 1000)
            for object in page.objects { try await client.delete(object.key) }
            hasMore = page.hasMore
        }
    }

    private func abortAll(_ upload: UploadKey) async throws {
        for pending in try await client.pendingUploads(of: name(of: upload.object)) {
            try await client.abortMultipart(pending.key, id: pending.id)
        }
    }

    /// Removes what nobody needs any more; what stays costs space only, until the upload's end or the bucket's own rule.
    private func tidy(_ what: String, _ body: () async throws -> Void) async {
        do { try await body() } catch { logger.warning("\(location): \(what) stays behind: \(error)") }
    }

    private func translating<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await Self.translating(body)
    }

    private static func translating<Value>(_ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch { throw translated(error) }
    }

    /// In the words of every location; what is not the service's stays as it is.
    static func translated(_ error: any Error) -> any Error {
        switch error {
        case let error as AWSCredentialSource.Unavailable: ObjectStorageError(.unavailable, error.description)
        case let error as S3Error: ObjectStorageError(kind(of: error), error.message)
        default: error
        }
    }

    private static func kind(of error: S3Error) -> ObjectStorageError.Kind {
        switch error.kind {
        // A part that was replaced belongs to an upload that two requests wrote at once: it must begin again.
        case .noSuchKey, .noSuchUpload, .invalidPart: .notFound
        case .full: .full
        case .unavailable: .unavailable
        case .noSuchBucket, .denied, .failed: .failed
        }
    }
}
