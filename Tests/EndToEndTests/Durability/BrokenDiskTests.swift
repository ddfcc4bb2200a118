import Foundation
import OCI
import TestSupport
import Testing
import WebRequests

/// Writes and syncs that fail: no 201, no half blob, and no second try on a file whose sync has failed.
@Suite("Broken disks", .serialized, .enabled(if: DiskFaults.mayCompile)) struct BrokenDiskTests {
    private static let bytes = [UInt8](repeating: 3, count: 200_000)

    @Test(
        "a blob whose bytes or name can't be written is refused, can't be read, and goes through once the disk works",
        arguments: [("writev", "/storage/uploads/"), ("fsync", "/storage/uploads/"), ("fsync", "/storage/blobs/")])
    func blobs(_ call: String, _ part: String) async throws {
        let faults = try await DiskFaults()
        let registry = try await LoneRegistry(.sqlite, environment: faults.environment)
        try await registry.start()
        try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        let digest = Digest(of: Self.bytes)
        let begun = try await registry.send(.post, "/v2/admin/app/blobs/uploads/", token: token)
        let location = try #require(begun.headers["Location"])

        try faults.fail(call, on: part)
        let (_, whole) = try await registry.upload(Self.bytes, to: "admin/app", token: token)
        #expect(whole.status == 500, "\(whole.text)")
        #expect(whole.text.contains("its log says why"))
        let put = try await registry.send(.put, "\(location)?digest=\(digest)", token: token, body: Self.bytes)
        #expect(put.status == 500, "\(put.text)")
        #expect(try await registry.send(.get, "/v2/admin/app/blobs/\(digest)", token: token).status == 404)
        #expect(registry.server.log.contains("Input/output error"))

        try faults.heal()
        // The kernel forgets what it could not write, and says so once: the file must not be trusted again.
        let again = try await registry.send(.put, "\(location)?digest=\(digest)", token: token)
        #expect([400, 404].contains(again.status), "a file whose sync failed was taken: \(again.status)")
        #expect(try await registry.send(.get, "/v2/admin/app/blobs/\(digest)", token: token).status == 404)
        #expect(try await registry.upload(Self.bytes, to: "admin/app", token: token).1.status == 201)
        let blob = try await registry.send(.get, "/v2/admin/app/blobs/\(digest)", token: token)
        #expect(Digest(of: Array(blob.body)) == digest)
        #expect(try await registry.server.terminate() == 0)
    }

    @Test(
        "a database whose log can't be written or synced refuses the push and loses nothing",
        arguments: ["pwrite", "fsync"])
    func database(_ call: String) async throws {
        let faults = try await DiskFaults()
        let registry = try await LoneRegistry(.sqlite, environment: faults.environment)
        try await registry.start()
        try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        let manifest = try await registry.push(Self.bytes, to: "admin/app", tag: "v1", token: token)

        try faults.fail(call, on: "registry.db-wal")
        let (digest, refused) = try await registry.upload([1, 2, 3], to: "admin/app", token: token)
        #expect(refused.status == 503, "\(refused.status) \(refused.text)")
        let pulled = try await registry.send(.get, "/v2/admin/app/manifests/v1", token: token)
        #expect(Digest(of: Array(pulled.body)) == manifest)

        try faults.heal()
        #expect(try await registry.send(.get, "/v2/admin/app/blobs/\(digest)", token: token).status == 404)
        try await registry.push([1, 2, 3], to: "admin/app", tag: "v2", token: token)
        // What the log holds is good for the next process as well.
        try await registry.server.kill()
        try await registry.start()
        for tag in ["v1", "v2"] {
            #expect(try await registry.send(.get, "/v2/admin/app/manifests/\(tag)", token: token).status == 200)
        }
        #expect(try await registry.server.terminate() == 0)
    }
}
