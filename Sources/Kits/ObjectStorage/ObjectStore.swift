package import NIOCore

/// One location that keeps objects, and the uploads on their way to become objects.
///
/// An upload grows by whole requests: each ``append(_:to:at:observing:)`` takes one stream, and whichever replica gets the
/// next one finds the upload where the location keeps it, never in a process. An object appears whole, by
/// ``commit(_:size:as:)``, or not at all. Every call may be repeated.
package protocol ObjectStore: Sendable {
    /// The name that rows keep to say where an object is.
    var location: String { get }

    /// Appends a stream to an upload, beginning it when it is new, and cuts off first whatever lies beyond `offset`: the
    /// rest of a request that nobody acknowledged.
    ///
    /// Back pressure is kept: the next chunk is asked for when the last one is stored.
    /// - Parameters:
    ///   - offset: bytes that are known to be stored; the stream's first byte gets this position.
    ///   - observer: sees each piece after it was stored, in order, on a thread where hashing may take its time.
    /// - Throws: what the stream throws, after everything that came is stored and was observed; `.busy`, `.tooShort`,
    ///   `.full`, `.failed`.
    func append(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, to upload: UploadKey, at offset: Int64,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws

    /// Reads the first `count` bytes of an upload again, for whoever lost count of them.
    /// Errors: `.notFound`, `.tooShort`, `.failed`.
    func replay(
        _ upload: UploadKey, first count: Int64,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws

    /// Makes an upload of exactly `size` bytes the object `key`, and returns when that survives a power failure.
    ///
    /// An upload that never got a byte becomes an empty object. When the object is already there, nothing happens.
    /// Errors: `.notFound`, `.busy`, `.tooShort`, `.full`, `.failed`.
    func commit(_ upload: UploadKey, size: Int64, as key: ObjectKey) async throws

    /// Forgets an upload; one that does not exist is none. Errors: `.failed`.
    func discard(_ upload: UploadKey) async throws

    /// Where the bytes of an object are; nil when there is none. Errors: `.failed`.
    func content(of key: ObjectKey) async throws -> ObjectContent?

    /// Removes an object; one that does not exist is none. Errors: `.failed`.
    func delete(_ key: ObjectKey) async throws

    /// How many bytes may still be written; nil where the location knows no limit. Errors: `.notFound`, `.failed`.
    func freeBytes() async throws -> Int64?
}

/// The bytes of an object, in the form in which they are sent fastest.
package enum ObjectContent: Sendable {
    /// A file of this machine: to be opened when it is read, and no earlier.
    case file(path: String, sizeBytes: Int64)
    case memory(ByteBuffer)

    package var sizeBytes: Int64 {
        switch self {
        case .file(_, let size): size
        case .memory(let buffer): Int64(buffer.readableBytes)
        }
    }
}

extension ObjectStore {
    /// Stores a small object in one go. Errors: as ``append(_:to:at:observing:)`` and ``commit(_:size:as:)``.
    package func put(_ bytes: ByteBuffer, as key: ObjectKey, through upload: UploadKey) async throws {
        let stream = AsyncThrowingStream<ByteBuffer, any Error> { continuation in
            continuation.yield(bytes)
            continuation.finish()
        }
        try await append(stream, to: upload, at: 0) { _ in }
        try await commit(upload, size: Int64(bytes.readableBytes), as: key)
    }
}
