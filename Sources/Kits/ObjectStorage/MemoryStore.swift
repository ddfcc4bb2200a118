package import NIOCore

/// A location in the memory of one process: for tests, and for a registry that need not survive.
package actor MemoryStore: ObjectStore {
    package nonisolated let location: String
    private var uploads: [UploadKey: ByteBuffer] = [:]
    private var locked: Set<UploadKey> = []
    private var objects: [ObjectKey: ByteBuffer] = [:]

    package init(location: String = "memory") { self.location = location }

    package func append(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, to upload: UploadKey, at offset: Int64,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws {
        guard locked.insert(upload).inserted else {
            throw ObjectStorageError(.busy, "Another request is writing the upload \(upload).")
        }
        defer { locked.remove(upload) }
        let stored = uploads[upload] ?? ByteBuffer()
        guard let kept = stored.getSlice(at: 0, length: Int(offset)) else {
            throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(offset) bytes.")
        }
        uploads[upload] = kept
        for try await chunk in chunks {
            guard uploads[upload] != nil else { throw Self.unknown(upload) }
            uploads[upload]?.writeImmutableBuffer(chunk)
            chunk.withUnsafeReadableBytes(observer)
        }
    }

    package func replay(
        _ upload: UploadKey, first count: Int64,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws {
        guard count > 0 else { return }
        guard let stored = uploads[upload] else { throw Self.unknown(upload) }
        guard let bytes = stored.getSlice(at: 0, length: Int(count)) else {
            throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(count) bytes.")
        }
        bytes.withUnsafeReadableBytes(observer)
    }

    package func commit(_ upload: UploadKey, size: Int64, as key: ObjectKey) async throws {
        if let object = objects[key], object.readableBytes == Int(size) { return }
        guard !locked.contains(upload) else {
            throw ObjectStorageError(.busy, "Another request is writing the upload \(upload).")
        }
        guard let stored = uploads[upload] ?? (size == 0 ? ByteBuffer() : nil) else { throw Self.unknown(upload) }
        guard let bytes = stored.getSlice(at: 0, length: Int(size)) else {
            throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(size) bytes.")
        }
        objects[key] = bytes
        uploads[upload] = nil
    }

    package func discard(_ upload: UploadKey) async throws { uploads[upload] = nil }

    package func content(of key: ObjectKey) async throws -> ObjectContent? { objects[key].map { .memory($0) } }

    package func delete(_ key: ObjectKey) async throws { objects[key] = nil }

    package nonisolated func freeBytes() -> Int64? { nil }

    private static func unknown(_ upload: UploadKey) -> ObjectStorageError {
        ObjectStorageError(.notFound, "There is no upload \(upload).")
    }
}
