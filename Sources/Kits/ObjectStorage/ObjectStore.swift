package import Foundation
package import NIOCore

/// One location that keeps objects, and the uploads on their way to become objects.
///
/// An upload grows by whole requests: each ``append(_:to:at:for:)`` takes one stream, and whichever replica gets the next
/// one finds the upload where the location keeps it, never in a process. How far it has come is the caller's book, the
/// ``UploadLedger``: bytes that it has not written down are cut off by the next request. An object appears whole, by
/// ``commit(_:at:)``, or not at all. Every call may be repeated.
package protocol ObjectStore: Sendable {
    /// The name that rows keep to say where an object is.
    var location: String { get }

    /// Appends a stream to an upload, beginning it when it is new, and cuts off first whatever lies beyond `mark`: the
    /// rest of a request that nobody acknowledged.
    ///
    /// Back pressure is kept: the next chunk is asked for when the last one is stored.
    /// - Parameters:
    ///   - mark: what the ledger has written down; the stream's first byte gets its position.
    ///   - ledger: asked first, shown each byte, and told at last what to write down, once everything that came is stored.
    /// - Throws: what the stream throws, after everything that came is stored and the ledger was told; what the ledger
    ///   throws; `.busy`, `.tooShort`, `.full`, `.unavailable`, `.failed`.
    func append(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, to upload: UploadKey, at mark: UploadMark,
        for ledger: some UploadLedger
    ) async throws

    /// Reads an upload again from its first byte to `mark`: for another hash than the ledger keeps.
    /// Errors: `.notFound`, `.tooShort`, `.unavailable`, `.failed`.
    func replay(
        _ upload: UploadKey, to mark: UploadMark,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws

    /// Makes an upload, up to `mark`, the object that it is named after, and returns when that survives a power failure.
    ///
    /// An upload that never got a byte becomes an empty object. When the object is already there, nothing happens.
    /// Errors: `.notFound`, `.busy`, `.tooShort`, `.full`, `.unavailable`, `.failed`.
    func commit(_ upload: UploadKey, at mark: UploadMark) async throws

    /// Whether every byte that a mark counts is surely still there; where not, they must be read before they are
    /// relied on.
    func isKept(_ mark: UploadMark) -> Bool

    /// Forgets an upload; one that does not exist is none. Errors: `.unavailable`, `.failed`.
    func discard(_ upload: UploadKey) async throws

    /// Where the bytes of an object are; nil when there is none. Errors: `.unavailable`, `.failed`.
    func content(of key: ObjectKey) async throws -> ObjectContent?

    /// Removes an object; one that does not exist is none. Errors: `.unavailable`, `.failed`.
    func delete(_ key: ObjectKey) async throws

    /// One page of everything that is stored, in the order of the keys' text: objects only, no uploads, and no files of
    /// other names. For comparing the location with the rows; see ``ObjectStore/forEachObject(_:)``.
    /// - Parameters:
    ///   - key: where the last page ended; nil for the first.
    ///   - limit: how many at most, 1 or more; fewer than that means that there are no more.
    /// Errors: `.unavailable`, `.failed`.
    func objects(after key: ObjectKey?, limit: Int) async throws -> [StoredObject]

    /// How many bytes may still be written; nil where the location knows no limit. Errors: `.notFound`, `.failed`.
    func freeBytes() async throws -> Int64?
}

/// An object as its location lists it.
package struct StoredObject: Sendable, Hashable {
    package let key: ObjectKey
    package let sizeBytes: Int64
    /// When it was committed, by the location's clock: one that no row names may be younger than its row.
    package let storedAt: Date

    package init(key: ObjectKey, sizeBytes: Int64, storedAt: Date) {
        self.key = key
        self.sizeBytes = sizeBytes
        self.storedAt = storedAt
    }
}

extension ObjectStore {
    /// A location that answers when the bytes are safe keeps them.
    package func isKept(_ mark: UploadMark) -> Bool { true }

    /// Shows every stored object to `body`, page by page in the order of the keys' text. Throws what ``objects(after:limit:)``
    /// or `body` throws.
    package func forEachObject(_ body: (StoredObject) async throws -> Void) async throws {
        let limit = 1000
        var last: ObjectKey?
        while true {
            let page = try await objects(after: last, limit: limit)
            for object in page { try await body(object) }
            guard page.count == limit, let next = page.last?.key else { return }
            last = next
        }
    }

    /// Stores a whole stream as one object; nobody else may know of the upload. Answers how many bytes it has.
    ///
    /// What a failure leaves behind goes with ``discard(_:)``.
    /// Errors: as ``append(_:to:at:for:)`` and ``commit(_:at:)``.
    @discardableResult
    package func put(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, as key: ObjectKey,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void = { _ in }
    ) async throws -> Int64 {
        let ledger = PrivateLedger(observer: observer)
        try await append(chunks, to: UploadKey(key), at: .start, for: ledger)
        try await commit(UploadKey(key), at: ledger.mark)
        return ledger.mark.offset
    }

    /// Stores a small object in one go. Errors: as ``put(_:as:observing:)``.
    package func put(_ bytes: ByteBuffer, as key: ObjectKey) async throws {
        try await put(
            AsyncThrowingStream<ByteBuffer, any Error> { continuation in
                continuation.yield(bytes)
                continuation.finish()
            }, as: key)
    }
}
