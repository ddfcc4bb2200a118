import Foundation
import NIOCore
import ObjectStorage
import Runtime
import Synchronization
import TestSupport
import Testing

/// What every location promises; each kind runs all of it.
@Suite("Object stores") struct ObjectStoreContractTests {
    /// Whoever owns an upload: its book, and what it saw.
    final class Book: UploadLedger {
        struct Outdated: Error {}
        private struct State {
            var mark = UploadMark.start
            var bytes: [UInt8] = []
        }
        private let state: Mutex<State>
        private let isOutdated: Bool
        private let isClosed: Bool
        private let saw: (@Sendable () -> Void)?

        /// - Parameter isClosed: nothing can be written down any more.
        init(
            _ mark: UploadMark = .start, isOutdated: Bool = false, isClosed: Bool = false,
            saw: (@Sendable () -> Void)? = nil
        ) {
            self.isClosed = isClosed
            state = Mutex(State(mark: mark))
            self.isOutdated = isOutdated
            self.saw = saw
        }

        var mark: UploadMark { state.withLock { $0.mark } }
        var bytes: [UInt8] { state.withLock { $0.bytes } }

        func confirm() throws { if isOutdated { throw Outdated() } }
        func observe(_ piece: UnsafeRawBufferPointer) {
            state.withLock { $0.bytes += piece }
            saw?()
        }
        func acknowledge(_ mark: UploadMark, after failure: (any Error)?) throws {
            if isClosed { throw Outdated() }
            state.withLock { $0.mark = mark }
        }
    }

    struct Broken: Error {}

    static func stream(_ pieces: [[UInt8]], failing: Bool = false) -> AsyncThrowingStream<ByteBuffer, any Error> {
        AsyncThrowingStream { continuation in
            for piece in pieces { continuation.yield(ByteBuffer(bytes: piece)) }
            continuation.finish(throwing: failing ? Broken() : nil)
        }
    }

    static func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
        (start..<start + count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    }

    static func key(_ area: StaticString = "blobs") throws -> ObjectKey {
        try ObjectKey(area: area, identifier: Identifiers.system.uuid())
    }

    let key: ObjectKey
    var upload: UploadKey { UploadKey(key) }

    init() throws { key = try Self.key() }

    @Test(
        "several requests append, the ledger sees every byte once, the commit makes the whole object",
        arguments: StoreKind.allCases)
    func appends(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        let all = Self.pattern(400_000)
        let book = Book()
        let first = stride(from: 0, to: 300_000, by: 60_000).map { Array(all[$0..<$0 + 60_000]) }
        try await place.store.append(Self.stream(first), to: upload, at: .start, for: book)
        #expect(book.bytes == Array(all[..<300_000]))
        #expect(book.mark.offset == 300_000)
        try await place.store.append(Self.stream([Array(all[300_000...])]), to: upload, at: book.mark, for: book)
        #expect(try await place.store.content(of: key) == nil)
        try await place.store.commit(upload, at: book.mark)
        let content = try await place.store.content(of: key)
        #expect(content?.sizeBytes == 400_000)
        #expect(try await Place.bytes(of: content) == all)
        #expect(book.bytes == all)
    }

    @Test("bytes beyond the acknowledged mark are cut off", arguments: StoreKind.allCases)
    func cuts(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        let book = Book()
        try await place.store.append(Self.stream([Self.pattern(10)]), to: upload, at: .start, for: book)
        // Stored, and never written down.
        await #expect(throws: Book.Outdated.self) {
            try await place.store.append(
                Self.stream([Self.pattern(1000)]), to: upload, at: book.mark, for: Book(isClosed: true))
        }
        try await place.store.append(Self.stream([[1, 2, 3]]), to: upload, at: book.mark, for: book)
        try await place.store.commit(upload, at: book.mark)
        #expect(try await Place.bytes(of: place.store.content(of: key)) == Self.pattern(10) + [1, 2, 3])
    }

    @Test("a commit leaves out what was stored and not acknowledged", arguments: StoreKind.allCases)
    func commitsAcknowledged(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        let book = Book()
        try await place.store.append(Self.stream([Self.pattern(400)]), to: upload, at: .start, for: book)
        await #expect(throws: Book.Outdated.self) {
            try await place.store.append(
                Self.stream([Self.pattern(1000)]), to: upload, at: book.mark, for: Book(isClosed: true))
        }
        try await place.store.commit(upload, at: book.mark)
        #expect(try await Place.bytes(of: place.store.content(of: key)) == Self.pattern(400))
    }

    @Test(
        "a stream that breaks leaves what came, observed, and the next request goes on", arguments: StoreKind.allCases)
    func breaks(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        let book = Book()
        await #expect(throws: Broken.self) {
            try await place.store.append(
                Self.stream([Self.pattern(100), Self.pattern(50, from: 100)], failing: true), to: upload, at: .start,
                for: book)
        }
        #expect(book.bytes == Self.pattern(150))
        #expect(book.mark.offset == 150)
        let again = Book()
        try await place.store.replay(upload, to: book.mark) { again.observe($0) }
        #expect(again.bytes == Self.pattern(150))
        try await place.store.append(Self.stream([Self.pattern(50, from: 150)]), to: upload, at: book.mark, for: book)
        try await place.store.commit(upload, at: book.mark)
        #expect(try await Place.bytes(of: place.store.content(of: key)) == Self.pattern(200))
    }

    @Test("a request whose mark is not the ledger's any more changes nothing", arguments: StoreKind.allCases)
    func outdated(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        let book = Book()
        try await place.store.append(Self.stream([Self.pattern(100)]), to: upload, at: .start, for: book)
        await #expect(throws: Book.Outdated.self) {
            try await place.store.append(Self.stream([[9]]), to: upload, at: .start, for: Book(isOutdated: true))
        }
        try await place.store.commit(upload, at: book.mark)
        await #expect(throws: Book.Outdated.self) {
            try await place.store.append(Self.stream([[9]]), to: upload, at: .start, for: Book(isOutdated: true))
        }
        #expect(try await Place.bytes(of: place.store.content(of: key)) == Self.pattern(100))
    }

    @Test("an upload shorter than the caller believes is refused", arguments: StoreKind.allCases)
    func tooShort(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        let book = Book()
        try await place.store.append(Self.stream([[1, 2]]), to: upload, at: .start, for: book)
        let beyond = UploadMark(offset: 3, state: book.mark.state)
        await expect(.tooShort) {
            try await place.store.append(Self.stream([[3]]), to: upload, at: beyond, for: Book())
        }
        await expect(.tooShort) { try await place.store.replay(upload, to: beyond) { _ in } }
        await expect(.tooShort) { try await place.store.commit(upload, at: beyond) }
        #expect(try await place.store.content(of: key) == nil)
    }

    @Test("two requests never write one upload at once", arguments: StoreKind.allCases.filter(\.locksUploads))
    func busy(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        let (chunks, input) = AsyncThrowingStream.makeStream(of: ByteBuffer.self, throwing: (any Error).self)
        let (seen, saw) = AsyncStream.makeStream(of: Void.self)
        let book = Book(saw: { saw.yield() })
        async let first: Void = place.store.append(chunks, to: upload, at: .start, for: book)
        // More than a batch, so that the first part is stored while the stream is still open.
        input.yield(ByteBuffer(bytes: Self.pattern(262_144)))
        input.yield(ByteBuffer(bytes: [1]))
        for await _ in seen { break }
        await expect(.busy) { try await place.store.append(Self.stream([[9]]), to: upload, at: .start, for: Book()) }
        await expect(.busy) { try await place.store.commit(upload, at: UploadMark(offset: 1)) }
        input.finish()
        try await first
        try await place.store.commit(upload, at: book.mark)
        #expect(try await Place.bytes(of: place.store.content(of: key)) == Self.pattern(262_144) + [1])
    }

    @Test("an upload is free again as soon as an append has returned", arguments: StoreKind.allCases)
    func isFreeAfterwards(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        for round in 0..<(kind.locksUploads ? 200 : 5) {
            try await place.store.put(ByteBuffer(bytes: [UInt8(round)]), as: Self.key())
        }
    }

    @Test("an upload without a byte becomes an empty object", arguments: StoreKind.allCases)
    func empty(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        try await place.store.replay(upload, to: .start) { _ in }
        try await place.store.commit(upload, at: .start)
        #expect(try await Place.bytes(of: place.store.content(of: key)) == [])
        let other = try Self.key()
        try await place.store.put(Self.stream([]), as: other)
        #expect(try await Place.bytes(of: place.store.content(of: other)) == [])
    }

    @Test("commit, discard and delete may be repeated", arguments: StoreKind.allCases)
    func repeats(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        let book = Book()
        try await place.store.append(Self.stream([[1, 2, 3]]), to: upload, at: .start, for: book)
        for _ in 0..<2 { try await place.store.commit(upload, at: book.mark) }
        #expect(try await Place.bytes(of: place.store.content(of: key)) == [1, 2, 3])
        for _ in 0..<2 { try await place.store.delete(key) }
        #expect(try await place.store.content(of: key) == nil)
        let other = UploadKey(try Self.key())
        let lost = Book()
        try await place.store.append(Self.stream([[1]]), to: other, at: .start, for: lost)
        for _ in 0..<2 { try await place.store.discard(other) }
        await expect(.notFound) { try await place.store.commit(other, at: lost.mark) }
        await expect(.notFound) { try await place.store.replay(other, to: lost.mark) { _ in } }
    }

    @Test("everything stored is listed once, in order, in pages; uploads are not", arguments: StoreKind.allCases)
    func lists(_ kind: StoreKind) async throws {
        let place = try await Place(kind)
        #expect(try await place.store.objects(after: nil, limit: 10).isEmpty)
        var keys: [ObjectKey] = []
        for number in 1...7 {
            let key = try Self.key(number > 5 ? "userfiles" : "blobs")
            try await place.store.put(ByteBuffer(bytes: Self.pattern(number)), as: key)
            keys.append(key)
        }
        try await place.store.append(Self.stream([[1]]), to: upload, at: .start, for: Book())
        let sizes = Dictionary(uniqueKeysWithValues: zip(keys, Int64(1)...7))
        keys.sort { $0.text < $1.text }
        let first = try await place.store.objects(after: nil, limit: 3)
        #expect(first.map(\.key) == Array(keys[..<3]))
        let second = try await place.store.objects(after: first.last?.key, limit: 4)
        #expect(second.map(\.key) == Array(keys[3...]))
        #expect(try await place.store.objects(after: second.last?.key, limit: 3).isEmpty)
        var all: [StoredObject] = []
        try await place.store.forEachObject { all.append($0) }
        #expect(all.map(\.key) == keys)
        #expect(all.allSatisfy { $0.sizeBytes == sizes[$0.key] })
        let age = all.map { abs(WallClock.system.now.timeIntervalSince($0.storedAt)) }.max()
        #expect(try #require(age) < 3600)
    }

    private func expect(_ kind: ObjectStorageError.Kind, _ body: () async throws -> Void) async {
        let error = await #expect(throws: ObjectStorageError.self) { try await body() }
        #expect(error?.kind == kind)
    }
}
