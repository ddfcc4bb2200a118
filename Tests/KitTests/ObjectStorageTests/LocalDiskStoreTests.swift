import Foundation
import Glibc
import NIOCore
import ObjectStorage
import Runtime
import TestSupport
import Testing

/// What only the disk can do wrong.
@Suite("Storage on a local disk") struct LocalDiskStoreTests {
    let folder: TemporaryFolder
    var root: String { folder.path("storage") }

    init() throws { folder = try TemporaryFolder() }

    @Test("a folder with somebody else's files is refused, and nothing in it changes")
    func foreign() async throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try folder.write("theirs", to: "storage/sha256")
        let error = await #expect(throws: ObjectStorageError.self) {
            try await LocalDiskStore.open(root, location: "local")
        }
        #expect(error?.kind == .foreign)
        #expect(try FileManager.default.contentsOfDirectory(atPath: root) == ["sha256"])
        #expect(try folder.read("storage/sha256") == "theirs")
    }

    @Test("an empty folder is marked, also a fresh disk's, and opened again with what it holds")
    func reopens() async throws {
        try FileManager.default.createDirectory(atPath: root + "/lost+found", withIntermediateDirectories: true)
        let identifier = Identifiers.system.uuid()
        let key = try ObjectKey(area: "blobs", identifier: identifier)
        let first = try await LocalDiskStore.open(root, location: "local")
        try await first.put(ByteBuffer(string: "kept"), as: key)
        let second = try await LocalDiskStore.open(root, location: "local")
        #expect(try await second.content(of: key)?.sizeBytes == 4)
        #expect(try folder.read("storage/" + key.text) == "kept")
        #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/uploads").isEmpty)
    }

    @Test("a folder that can't be made says so")
    func unusable() async throws {
        try folder.write("a file", to: "storage")
        let error = await #expect(throws: ObjectStorageError.self) {
            try await LocalDiskStore.open(root + "/below", location: "local")
        }
        #expect(error?.kind == .failed)
    }

    @Test("a symbolic link in place of an upload is not followed")
    func links() async throws {
        let store = try await LocalDiskStore.open(root, location: "local")
        let upload = UploadKey(try ObjectKey(area: "blobs", identifier: Identifiers.system.uuid()))
        try folder.write("secret", to: "outside")
        try FileManager.default.createSymbolicLink(
            atPath: root + "/uploads/" + upload.text, withDestinationPath: folder.path("outside"))
        await #expect(throws: ObjectStorageError.self) {
            try await store.append(ObjectStoreContractTests.stream([[1]]), to: upload, at: .start, for: PrivateLedger())
        }
        #expect(try folder.read("outside") == "secret")
    }

    static let canMount = geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/bin/mount")

    @Test("a full disk is a clean error, and the upload goes on once there is space", .enabled(if: canMount))
    func fullDisk() async throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try await #require(
            ChildProcess("/bin/mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", root]).exit() == 0)
        defer { umount2(root, Int32(MNT_DETACH)) }
        let store = try await LocalDiskStore.open(root, location: "local")
        try folder.write(String(repeating: "x", count: 400_000), to: "storage/ballast")
        let upload = UploadKey(try ObjectKey(area: "blobs", identifier: Identifiers.system.uuid()))
        let piece = ObjectStoreContractTests.pattern(100_000)
        let book = ObjectStoreContractTests.Book()
        let error = await #expect(throws: ObjectStorageError.self) {
            try await store.append(
                ObjectStoreContractTests.stream([piece, piece, piece]), to: upload, at: .start,
                for: book)
        }
        #expect(error?.kind == .full)
        try FileManager.default.removeItem(atPath: root + "/ballast")
        // What came of the request is taken back: a full disk must not stay full of what was refused.
        #expect(book.mark == .start)
        let name = "\(root)/uploads/\(upload.text)"
        #expect(try FileManager.default.attributesOfItem(atPath: name)[.size] as? Int == 0)
        let again = PrivateLedger()
        try await store.append(ObjectStoreContractTests.stream([piece, [7]]), to: upload, at: .start, for: again)
        try await store.commit(upload, at: again.mark)
        #expect(try await store.content(of: upload.object)?.sizeBytes == 100_001)
    }
}
