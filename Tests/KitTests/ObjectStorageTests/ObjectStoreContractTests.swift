import Foundation
import NIOCore
import ObjectStorage
import Runtime
import Synchronization
import TestSupport
import Testing

/// What every location promises; each kind runs all of it.
@Suite("Object stores") struct ObjectStoreContractTests {
    enum Kind: CaseIterable { case disk, memory }

    /// A fresh location of a kind, which goes away with the test.
    struct Place {
        let store: any ObjectStore
        private let folder: TemporaryFolder?

        init(_ kind: Kind) async throws {
            switch kind {
            case .disk:
                let folder = try TemporaryFolder()
                store = try await LocalDiskStore.open(folder.path + "/storage", location: "local")
                self.folder = folder
            case .memory:
                store = MemoryStore()
                folder = nil
            }
        }
    }

    /// Collects what an observer sees.
    final class Seen: Sendable {
        private let state = Mutex([UInt8]())
        var bytes: [UInt8] { state.withLock { $0 } }
        func add(_ piece: UnsafeRawBufferPointer) { state.withLock { $0 += piece } }
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

    static func bytes(of content: ObjectContent?) throws -> [UInt8]? {
        switch content {
        case nil: nil
        case .memory(let buffer): Array(buffer.readableBytesView)
        case .file(let path, _): Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        }
    }

    let upload: UploadKey
    let key: ObjectKey

    init() throws {
        let identifier = Identifiers.system.uuid()
        upload = try UploadKey(identifier)
        key = try ObjectKey(area: "blobs", identifier: identifier)
    }

    @Test(
        "several requests append, the observer sees every byte once, the commit makes the whole object",
        arguments: Kind.allCases)
    func appends(_ kind: Kind) async throws {
        let store = try await Place(kind)
        let all = Self.pattern(400_000)
        let seen = Seen()
        let first = stride(from: 0, to: 300_000, by: 60_000).map { Array(all[$0..<$0 + 60_000]) }
        try await store.store.append(Self.stream(first), to: upload, at: 0) { seen.add($0) }
        #expect(seen.bytes == Array(all[..<300_000]))
        try await store.store.append(Self.stream([Array(all[300_000...])]), to: upload, at: 300_000) { seen.add($0) }
        #expect(try await store.store.content(of: key) == nil)
        try await store.store.commit(upload, size: 400_000, as: key)
        let content = try await store.store.content(of: key)
        #expect(content?.sizeBytes == 400_000)
        #expect(try Self.bytes(of: content) == all)
        #expect(seen.bytes == all)
    }

    @Test("bytes beyond the acknowledged offset are cut off", arguments: Kind.allCases)
    func cuts(_ kind: Kind) async throws {
        let place = try await Place(kind)
        try await place.store.append(Self.stream([Self.pattern(1000)]), to: upload, at: 0) { _ in }
        try await place.store.append(Self.stream([[1, 2, 3]]), to: upload, at: 10) { _ in }
        try await place.store.commit(upload, size: 13, as: key)
        #expect(try Self.bytes(of: await place.store.content(of: key)) == Self.pattern(10) + [1, 2, 3])
    }

    @Test("a commit of fewer bytes than are stored leaves the rest out", arguments: Kind.allCases)
    func commitsPrefix(_ kind: Kind) async throws {
        let place = try await Place(kind)
        try await place.store.append(Self.stream([Self.pattern(1000)]), to: upload, at: 0) { _ in }
        try await place.store.commit(upload, size: 400, as: key)
        #expect(try Self.bytes(of: await place.store.content(of: key)) == Self.pattern(400))
    }

    @Test("a stream that breaks leaves what came, observed, and the next request goes on", arguments: Kind.allCases)
    func breaks(_ kind: Kind) async throws {
        let place = try await Place(kind)
        let seen = Seen()
        await #expect(throws: Broken.self) {
            try await place.store.append(
                Self.stream([Self.pattern(100), Self.pattern(50, from: 100)], failing: true), to: upload, at: 0
            ) {
                seen.add($0)
            }
        }
        #expect(seen.bytes == Self.pattern(150))
        let again = Seen()
        try await place.store.replay(upload, first: 150) { again.add($0) }
        #expect(again.bytes == Self.pattern(150))
        try await place.store.append(Self.stream([Self.pattern(50, from: 150)]), to: upload, at: 150) { _ in }
        try await place.store.commit(upload, size: 200, as: key)
        #expect(try Self.bytes(of: await place.store.content(of: key)) == Self.pattern(200))
    }

    @Test("an upload shorter than the caller believes is refused", arguments: Kind.allCases)
    func tooShort(_ kind: Kind) async throws {
        let place = try await Place(kind)
        try await place.store.append(Self.stream([[1, 2]]), to: upload, at: 0) { _ in }
        await expect(.tooShort) { try await place.store.append(Self.stream([[3]]), to: upload, at: 3) { _ in } }
        await expect(.tooShort) { try await place.store.replay(upload, first: 3) { _ in } }
        await expect(.tooShort) { try await place.store.commit(upload, size: 3, as: key) }
        #expect(try await place.store.content(of: key) == nil)
    }

    @Test("two requests never write one upload at once", arguments: Kind.allCases)
    func busy(_ kind: Kind) async throws {
        let place = try await Place(kind)
        let (chunks, input) = AsyncThrowingStream.makeStream(of: ByteBuffer.self, throwing: (any Error).self)
        let (seen, saw) = AsyncStream.makeStream(of: Void.self)
        async let first: Void = place.store.append(chunks, to: upload, at: 0) { _ in saw.yield() }
        // More than a batch, so that the first part is stored while the stream is still open.
        input.yield(ByteBuffer(bytes: Self.pattern(131_072)))
        input.yield(ByteBuffer(bytes: [1]))
        for await _ in seen { break }
        await expect(.busy) { try await place.store.append(Self.stream([[9]]), to: upload, at: 0) { _ in } }
        await expect(.busy) { try await place.store.commit(upload, size: 1, as: key) }
        input.finish()
        try await first
        try await place.store.commit(upload, size: 131_073, as: key)
        #expect(try Self.bytes(of: await place.store.content(of: key)) == Self.pattern(131_072) + [1])
    }

    @Test("an upload is free again as soon as an append has returned", arguments: Kind.allCases)
    func isFreeAfterwards(_ kind: Kind) async throws {
        let place = try await Place(kind)
        for round in 0..<200 {
            let upload = try UploadKey(Identifiers.system.uuid())
            let key = try ObjectKey(area: "blobs", identifier: Identifiers.system.uuid())
            try await place.store.append(Self.stream([[UInt8(round)]]), to: upload, at: 0) { _ in }
            try await place.store.commit(upload, size: 1, as: key)
        }
    }

    @Test("an upload without a byte becomes an empty object", arguments: Kind.allCases)
    func empty(_ kind: Kind) async throws {
        let place = try await Place(kind)
        try await place.store.replay(upload, first: 0) { _ in }
        try await place.store.commit(upload, size: 0, as: key)
        #expect(try Self.bytes(of: await place.store.content(of: key)) == [])
    }

    @Test("commit, discard and delete may be repeated", arguments: Kind.allCases)
    func repeats(_ kind: Kind) async throws {
        let place = try await Place(kind)
        try await place.store.put(ByteBuffer(bytes: [1, 2, 3]), as: key, through: upload)
        try await place.store.commit(upload, size: 3, as: key)
        #expect(try Self.bytes(of: await place.store.content(of: key)) == [1, 2, 3])
        for _ in 0..<2 { try await place.store.delete(key) }
        #expect(try await place.store.content(of: key) == nil)
        let other = try UploadKey(Identifiers.system.uuid())
        try await place.store.append(Self.stream([[1]]), to: other, at: 0) { _ in }
        for _ in 0..<2 { try await place.store.discard(other) }
        await expect(.notFound) { try await place.store.commit(other, size: 1, as: key) }
        await expect(.notFound) { try await place.store.replay(other, first: 1) { _ in } }
    }

    private func expect(_ kind: ObjectStorageError.Kind, _ body: () async throws -> Void) async {
        let error = await #expect(throws: ObjectStorageError.self) { try await body() }
        #expect(error?.kind == kind)
    }
}
