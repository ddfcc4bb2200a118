import Foundation
package import NIOCore
package import Runtime

/// A location in the memory of one process: for tests, and for a registry that need not survive.
package actor MemoryStore: ObjectStore {
    package nonisolated let location: String
    private let clock: WallClock
    private var uploads: [UploadKey: ByteBuffer] = [:]
    private var locked: Set<UploadKey> = []
    private var stored: [ObjectKey: (bytes: ByteBuffer, at: Date)] = [:]

    package init(location: String = "memory", clock: WallClock = .system) {
        self.location = location
        self.clock = clock
    }

    package func append(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, to upload: UploadKey, at mark: UploadMark,
        for ledger: some UploadLedger
    ) async throws {
        guard locked.insert(upload).inserted else {
            throw ObjectStorageError(.busy, "Another request is writing the upload \(upload).")
        }
        defer { locked.remove(upload) }
        try await ledger.confirm()
        guard let kept = (uploads[upload] ?? ByteBuffer()).getSlice(at: 0, length: Int(mark.offset)) else {
            throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(mark.offset) bytes.")
        }
        uploads[upload] = kept
        var offset = mark.offset
        var failure: (any Error)?
        do {
            for try await chunk in chunks {
                guard uploads[upload] != nil else { throw Self.unknown(upload) }
                uploads[upload]?.writeImmutableBuffer(chunk)
                chunk.withUnsafeReadableBytes { ledger.observe($0) }
                offset += Int64(chunk.readableBytes)
            }
        } catch { failure = error }
        try await ledger.acknowledge(UploadMark(offset: offset), after: failure)
        if let failure { throw failure }
    }

    package func replay(
        _ upload: UploadKey, to mark: UploadMark,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws {
        guard mark.offset > 0 else { return }
        try bytes(of: upload, to: mark).withUnsafeReadableBytes(observer)
    }

    package func commit(_ upload: UploadKey, at mark: UploadMark) async throws {
        if let object = stored[upload.object], object.bytes.readableBytes == Int(mark.offset) { return }
        guard !locked.contains(upload) else {
            throw ObjectStorageError(.busy, "Another request is writing the upload \(upload).")
        }
        let bytes = mark.offset == 0 ? ByteBuffer() : try bytes(of: upload, to: mark)
        stored[upload.object] = (bytes, clock.now)
        uploads[upload] = nil
    }

    package func discard(_ upload: UploadKey) async throws { uploads[upload] = nil }

    package func content(of key: ObjectKey) async throws -> ObjectContent? { stored[key].map { .memory($0.bytes) } }

    package func delete(_ key: ObjectKey) async throws { stored[key] = nil }

    package func objects(after key: ObjectKey?, limit: Int) async throws -> [StoredObject] {
        stored.filter { object in key.map { object.key.text > $0.text } ?? true }
            .sorted { $0.key.text < $1.key.text }.prefix(limit)
            .map { StoredObject(key: $0, sizeBytes: Int64($1.bytes.readableBytes), storedAt: $1.at) }
    }

    package nonisolated func freeBytes() -> Int64? { nil }

    private func bytes(of upload: UploadKey, to mark: UploadMark) throws -> ByteBuffer {
        guard let stored = uploads[upload] else { throw Self.unknown(upload) }
        guard let bytes = stored.getSlice(at: 0, length: Int(mark.offset)) else {
            throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(mark.offset) bytes.")
        }
        return bytes
    }

    private static func unknown(_ upload: UploadKey) -> ObjectStorageError {
        ObjectStorageError(.notFound, "There is no upload \(upload).")
    }
}
