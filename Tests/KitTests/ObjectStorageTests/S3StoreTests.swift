import AWS
import Foundation
import Logging
import NIOCore
import Runtime
import TestSupport
import Testing

@testable import ObjectStorage

/// What only a bucket does: parts, states, other people's objects, a service that fails.
@Suite("Storage in a bucket") struct S3StoreTests {
    typealias Book = ObjectStoreContractTests.Book
    private static let part = S3Store.partBytes

    private let server: S3Server
    private let settings: S3Settings
    private let store: S3Store
    private let key: ObjectKey
    private var upload: UploadKey { UploadKey(key) }

    init() async throws {
        server = try await S3Server.shared
        settings = try await server.bucket()
        store = try await S3Store.open(settings, location: "s3", logger: Logger(label: "test"))
        key = try ObjectStoreContractTests.key()
    }

    private static func stream(_ bytes: [UInt8], failing: Bool = false) -> AsyncThrowingStream<ByteBuffer, any Error> {
        // Chunks that fit no part.
        ObjectStoreContractTests.stream(
            stride(from: 0, to: bytes.count, by: 700_001).map { Array(bytes[$0..<min($0 + 700_001, bytes.count)]) },
            failing: failing)
    }

    private static func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
        ObjectStoreContractTests.pattern(count, from: start)
    }

    /// The names of everything in the bucket, and how many multipart uploads are under way.
    private func leftovers() async throws -> (names: [String], multiparts: Int) {
        let names = try await store.client.list(prefix: "", after: nil, limit: 1000).objects.map(\.key)
        let pending = try await store.client.pendingUploads(of: "registry/one/" + key.text)
        return (names.map { String($0.dropFirst("registry/one/".count)) }.sorted(), pending.count)
    }

    @Test("parts are stored while the stream flows; any instance goes on, and in the end nothing else is left")
    func parts() async throws {
        let all = Self.pattern(3 * Self.part + 1234)
        let book = Book()
        try await store.append(Self.stream(Array(all[..<(Self.part + 10)])), to: upload, at: .start, for: book)
        let other = try await S3Store.open(settings, location: "s3", logger: Logger(label: "test"))
        await #expect(throws: ObjectStoreContractTests.Broken.self) {
            try await other.append(
                Self.stream(Array(all[(Self.part + 10)..<(3 * Self.part)]), failing: true), to: upload, at: book.mark,
                for: book)
        }
        #expect(book.mark.offset == Int64(3 * Self.part))
        #expect(try await leftovers().multiparts == 1)
        try await store.append(Self.stream(Array(all[(3 * Self.part)...])), to: upload, at: book.mark, for: book)
        #expect(book.bytes == all)
        // One state, that of the mark.
        #expect(try await leftovers().names == ["registry-storage", "uploads/\(upload)/\(book.mark.state)"])
        try await other.commit(upload, at: book.mark)
        #expect(try await Place.bytes(of: store.content(of: key)) == all)
        let left = try await leftovers()
        #expect(left.names == [key.text, "registry-storage"])
        #expect(left.multiparts == 0)
    }

    @Test("a discarded upload leaves neither parts nor states") func discards() async throws {
        let book = Book()
        try await store.append(Self.stream(Self.pattern(Self.part + 1)), to: upload, at: .start, for: book)
        // A replica that died before the ledger knew of anything.
        let lost = Book()
        try await store.append(Self.stream(Self.pattern(Self.part + 1)), to: upload, at: .start, for: lost)
        #expect(try await leftovers().multiparts == 2)
        try await store.discard(upload)
        let left = try await leftovers()
        #expect(left.names == ["registry-storage"])
        #expect(left.multiparts == 0)
    }

    /// A ledger that has moved on when the request wants to be written down.
    private final class MovedOn: UploadLedger {
        struct Lost: Error {}
        func confirm() {}
        func observe(_ bytes: UnsafeRawBufferPointer) {}
        func acknowledge(_ mark: UploadMark, after failure: (any Error)?) throws { throw Lost() }
    }

    @Test("a request that loses the race cleans up behind itself, and the winner's bytes are the object")
    func race() async throws {
        let book = Book()
        let bytes = Self.pattern(Self.part + 5)
        try await store.append(Self.stream(bytes), to: upload, at: .start, for: book)
        await #expect(throws: MovedOn.Lost.self) {
            try await store.append(
                Self.stream(Self.pattern(Self.part + 5, from: 3)), to: upload, at: .start, for: MovedOn())
        }
        let left = try await leftovers()
        #expect(left.names == ["registry-storage", "uploads/\(upload)/\(book.mark.state)"])
        #expect(left.multiparts == 1)
        try await store.commit(upload, at: book.mark)
        #expect(try await Place.bytes(of: store.content(of: key)) == bytes)
    }

    @Test("a part that somebody replaced makes the upload begin again, and never another object") func replaced()
        async throws
    {
        let book = Book()
        try await store.append(Self.stream(Self.pattern(Self.part)), to: upload, at: .start, for: book)
        try await store.append(Self.stream(Self.pattern(Self.part)), to: upload, at: book.mark, for: book)
        // Two requests that go on from one mark: the second replaces the first one's part.
        await #expect(throws: MovedOn.Lost.self) {
            try await store.append(
                Self.stream(Self.pattern(Self.part, from: 1)), to: upload, at: book.mark, for: MovedOn())
        }
        try await store.append(Self.stream([1]), to: upload, at: book.mark, for: book)
        let pending = try await store.client.pendingUploads(of: "registry/one/" + key.text)
        _ = try await store.client.uploadPart(
            1, of: "registry/one/" + key.text, id: #require(pending.first).id, Self.pattern(Self.part, from: 9))
        let error = await #expect(throws: ObjectStorageError.self) { try await store.commit(upload, at: book.mark) }
        #expect(error?.kind == .notFound)
        #expect(try await store.content(of: key) == nil)
    }

    @Test("parts can be read again before the object is there") func replays() async throws {
        let book = Book()
        let bytes = Self.pattern(Self.part + 77)
        try await store.append(Self.stream(bytes), to: upload, at: .start, for: book)
        let seen = Book()
        try await store.replay(upload, to: book.mark) { seen.observe($0) }
        #expect(seen.bytes == bytes)
        try await store.commit(upload, at: book.mark)
        #expect(try await Place.bytes(of: store.content(of: key)) == bytes)
        #expect(try await leftovers().names == [key.text, "registry-storage"])
    }

    @Test("a service that is busy for a while is asked again") func retries() async throws {
        let own = try await S3Server()
        let store = try await own.store()
        let book = Book()
        for (method, text) in [("PUT", "partNumber"), ("POST", "uploads"), ("PUT", "uploads/")] {
            try await own.fail(2, method: method, containing: text)
            try await store.append(
                Self.stream(Self.pattern(Self.part + 3)), to: UploadKey(try ObjectStoreContractTests.key()), at: .start,
                for: Book())
        }
        let bytes = Self.pattern(Self.part + 3)
        try await store.append(Self.stream(bytes), to: upload, at: .start, for: book)
        try await own.fail(3, method: "POST", containing: "uploadId")
        try await store.commit(upload, at: book.mark)
        try await own.fail(3, method: "GET")
        #expect(try await Place.bytes(of: store.content(of: key)) == bytes)
    }

    @Test("one that stays away is a clean error, no half object, and the upload goes on later") func fails()
        async throws
    {
        let own = try await S3Server()
        let store = try await own.store()
        let book = Book()
        try await store.append(Self.stream(Self.pattern(Self.part + 3)), to: upload, at: .start, for: book)
        let mark = book.mark
        try await own.fail(1000)
        for call in [
            { try await store.append(Self.stream(Self.pattern(Self.part)), to: upload, at: mark, for: book) },
            { try await store.commit(upload, at: mark) }, { _ = try await store.content(of: key) },
            { try await store.delete(key) }, { _ = try await store.objects(after: nil, limit: 1) },
        ] {
            let error = await #expect(throws: ObjectStorageError.self) { try await call() }
            #expect(error?.kind == .unavailable)
        }
        #expect(book.mark == mark)
        try await own.fail(0)
        #expect(try await store.content(of: key) == nil)
        try await store.append(Self.stream([1, 2]), to: upload, at: mark, for: book)
        try await store.commit(upload, at: book.mark)
        #expect(try await Place.bytes(of: store.content(of: key)) == Self.pattern(Self.part + 3) + [1, 2])
        try await own.kill()
        let error = await #expect(throws: ObjectStorageError.self) { _ = try await store.content(of: key) }
        #expect(error?.kind == .unavailable)
    }

    @Test("ranges are read alone, and an address lets anybody read for a while, without a key of ours")
    func reads() async throws {
        let bytes = Self.pattern(300_000)
        try await store.put(ByteBuffer(bytes: bytes), as: key)
        guard case .remote(let object) = try await store.content(of: key) else {
            Issue.record("A bucket's object is remote.")
            return
        }
        var part: [UInt8] = []
        for try await chunk in try await object.read(100..<200_100) { part += chunk.readableBytesView }
        #expect(part == Array(bytes[100..<200_100]))
        let address = try await object.address(.seconds(60))
        #expect(!address.contains(S3Server.keys.secret))
        let (data, status) = try await S3Server.get(address, range: "bytes=5-9")
        #expect(status == 206)
        #expect(data == Array(bytes[5...9]))
        #expect(try await S3Server.get(address + "0").status == 403)
    }

    @Test("a bucket with somebody else's objects is refused, and nothing in it changes; another prefix of it is fine")
    func foreign() async throws {
        try await store.client.put([1], as: "theirs/object")
        var other = settings
        other.prefix = ""
        let error = await #expect(throws: ObjectStorageError.self) {
            try await S3Store.open(other, location: "s3", logger: Logger(label: "test"))
        }
        #expect(error?.kind == .foreign)
        other.prefix = "theirs"
        await #expect(throws: ObjectStorageError.self) {
            try await S3Store.open(other, location: "s3", logger: Logger(label: "test"))
        }
        #expect(
            try await store.client.list(prefix: "", after: nil, limit: 10).objects.map(\.key) == [
                "registry/one/registry-storage", "theirs/object",
            ])
        other.prefix = "registry/two"
        _ = try await S3Store.open(other, location: "s3", logger: Logger(label: "test"))
    }

    @Test("what is wrong with the place is said at the start, with what to do") func explains() async throws {
        func message(_ change: (inout S3Settings) -> Void) async -> String {
            var changed = settings
            change(&changed)
            let error = await #expect(throws: ObjectStorageError.self) {
                try await S3Store.open(changed, location: "main", logger: Logger(label: "test"))
            }
            return error?.message ?? ""
        }
        let bucket = await message { $0.bucket = "nobody-made-it" }
        #expect(bucket.contains("there is no bucket nobody-made-it. Create it"))
        let key = await message { $0.keys = .init(id: S3Server.keys.id, secret: "another") }
        #expect(key.contains("refuses our key") && !key.contains("another"))
        let port = await message { $0.port = 1 }
        #expect(port.contains("does not answer: check host, port and is_secure"))
        let none = await message {
            $0.keys = nil
            $0.environment = ["AWS_EC2_METADATA_DISABLED": "true"]
        }
        #expect(none.contains("No AWS keys were found: write them into the configuration"))
    }

    @Test(
        "SEC-Deserialisation of stored state: a state that is not as it was written is refused",
        arguments: [
            "", "{}", "{}\n", "{\"version\":2,\"etags\":[],\"tailBytes\":0}\n",
            "{\"version\":1,\"etags\":[],\"tailBytes\":1}\n",
            "{\"version\":1,\"etags\":[\"a\"],\"tailBytes\":0}\n",
        ])
    func malformedState(_ text: String) {
        #expect(throws: (any Error).self) { try S3UploadState(Array(text.utf8)) }
    }

    @Test("a mark of another kind of location is none of ours", arguments: ["", "../../registry-storage", "A", "é"])
    func foreignMark(_ state: String) async throws {
        let error = await #expect(throws: ObjectStorageError.self) {
            try await store.append(
                Self.stream([1]), to: upload, at: UploadMark(offset: 5, state: state), for: Book())
        }
        #expect(error?.kind == .notFound)
    }
}
