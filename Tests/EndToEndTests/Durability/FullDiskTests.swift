import Foundation
import OCI
import TestSupport
import Testing
import WebRequests

/// No space left, for blobs or for the database: a clean refusal, pulls that go on, and no restart afterwards.
@Suite("Full disks", .serialized, .enabled(if: SmallDisk.mayMount)) struct FullDiskTests {
    private static let layer = [UInt8](repeating: 5, count: 1_000_000)
    private static let big = [UInt8](repeating: 6, count: 3_000_000)

    @Test("blobs: 507 and nothing left behind, pulls go on, and space that comes back is used at once")
    func storage() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path("data")
        try FileManager.default.createDirectory(atPath: "\(data)/storage", withIntermediateDirectories: true)
        let disk = SmallDisk(path: "\(data)/storage", megabytes: 12)
        let registry = try await LoneRegistry(.sqlite, launcher: disk.launcher, data: data)
        try await registry.start()
        try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        let manifest = try await registry.push(Self.layer, to: "admin/app", tag: "v1", token: token)
        let open = try await Self.begin(registry, token)
        try disk.fill(of: registry.server, leaving: 500_000)

        for _ in 0..<5 {
            let (digest, refused) = try await registry.upload(Self.big, to: "admin/app", token: token)
            try Self.expectFull(refused)
            #expect(try await registry.send(.get, "/v2/admin/app/blobs/\(digest)", token: token).status == 404)
        }
        let piece = try await registry.send(
            .patch, open, token: token, headers: ["Content-Range": "0-2999999"], body: Self.big)
        try Self.expectFull(piece)
        let streamed = try await registry.send(.patch, open, token: token, body: Self.big)
        try Self.expectFull(streamed)
        // What was refused gave its space back: the disk has again what it had.
        let uploads = disk.outside("uploads", of: registry.server)
        let left = try FileManager.default.contentsOfDirectory(atPath: uploads).reduce(0) { sum, name in
            let size = try FileManager.default.attributesOfItem(atPath: "\(uploads)/\(name)")[.size] as? Int
            return sum + (size ?? 0)
        }
        #expect(left == 0, "\(left) bytes of refused uploads keep the disk full")
        try await Self.expectPulls(registry, manifest)
        let said = registry.server.log.split(separator: "\n").filter { $0.contains("no space left") }
        #expect((1...2).contains(said.count), "one line says what to do, not one a push: \(said)")

        try disk.free(of: registry.server)
        let status = try await registry.send(.get, open, token: token)
        #expect(status.status == 204)
        let rest = try await registry.send(
            .put, "\(open)?digest=\(Digest(of: Self.big))", token: token, body: Self.big)
        #expect(rest.status == 201, "\(rest.text)")
        try await registry.push(Self.big, to: "admin/app", tag: "v2", token: token)
        #expect(try await registry.server.terminate() == 0)
    }

    @Test("the database: 507 with a sentence for pushes and builds, pulls go on, and afterwards everything works")
    func database() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path("data")
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let disk = SmallDisk(path: data, megabytes: 6)
        let registry = try await LoneRegistry(
            .sqlite,
            settings: """
                DISTRIBUTED_STORAGE_CONFIG:
                  default:
                    - LocalStorage
                    - storage_path: \(folder.path("objects"))
                """, launcher: disk.launcher, data: data)
        try await registry.start()
        let admin = try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        let manifest = try await registry.push(Self.layer, to: "admin/app", tag: "v1", token: token)
        // A sign-in that has something to write down.
        try await Client.run(
            "nsenter", "--target", "\(registry.server.identifier ?? 0)", "--mount", "sqlite3", "\(data)/registry.db",
            "UPDATE account SET last_accessed_ms = 0")
        try disk.fill(of: registry.server)

        // The log of the database may have some pages left.
        var refused: WebResponse?
        for number in 0..<200 where refused == nil {
            let (_, answer) = try await registry.upload([UInt8(number), 1], to: "admin/app", token: token)
            if answer.status != 201 { refused = answer }
        }
        try Self.expectFull(try #require(refused, "200 pushes fitted into a full disk"))
        for _ in 0..<20 {
            try Self.expectFull(try await registry.upload([9, 9, 9], to: "admin/app", token: token).1)
        }
        let build = try await registry.api(
            .post, "/api/v1/repository/admin/app/build/", #"{"archive_url":"https://example.com/a.tar.gz"}"#,
            token: admin)
        #expect(build.status == 507)
        #expect(build.text.contains("No space is left"), "\(build.text)")
        try await Self.expectPulls(registry, manifest)
        let said = registry.server.log.split(separator: "\n").filter {
            $0.contains("no space left") || $0.contains("No space is left") || $0.contains("disk is full")
        }
        #expect((1...8).contains(said.count), "\(said)")

        try disk.free(of: registry.server)
        try await registry.push(Self.big, to: "admin/app", tag: "v2", token: token)
        try await Self.expectPulls(registry, manifest)
        #expect(try await registry.server.terminate() == 0)
    }

    @Test(
        "PostgreSQL's disk: 507 with a sentence, pulls go on, and space that comes back is used at once",
        .enabled(if: SmallTablespace.isPossible))
    func postgres() async throws {
        let registry = try await LoneRegistry(.postgres)
        let disk = try await SmallTablespace(for: try #require(registry.database), megabytes: 16)
        try await registry.start()
        let admin = try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        let manifest = try await registry.push(Self.layer, to: "admin/app", tag: "v1", token: token)
        try disk.fill()

        // The tables have room left in their last pages.
        var refused: WebResponse?
        var acknowledged: [Digest] = []
        for number in 0..<2000 where refused == nil {
            let (digest, answer) = try await registry.upload(
                Array("blob \(number)".utf8), to: "admin/app", token: token)
            if answer.status == 201 { acknowledged.append(digest) } else { refused = answer }
        }
        try Self.expectFull(try #require(refused, "2000 pushes fitted into a full disk"))
        var build: WebResponse?
        for _ in 0..<500 where build?.status != 507 {
            build = try await registry.api(
                .post, "/api/v1/repository/admin/app/build/", #"{"archive_url":"https://example.com/a.tar.gz"}"#,
                token: admin)
        }
        #expect(build?.status == 507, "\(build?.text ?? "")")
        try await Self.expectPulls(registry, manifest)

        try disk.free()
        try await registry.push(Self.big, to: "admin/app", tag: "v2", token: token)
        try await Self.expectPulls(registry, manifest)
        for digest in acknowledged {
            #expect(try await registry.send(.head, "/v2/admin/app/blobs/\(digest)", token: token).status == 200)
        }
        #expect(try await registry.server.terminate() == 0)
    }

    private static func begin(_ registry: LoneRegistry, _ token: String) async throws -> String {
        let answer = try await registry.send(.post, "/v2/admin/app/blobs/uploads/", token: token)
        return try #require(answer.headers["Location"])
    }

    private static func expectFull(_ answer: WebResponse) throws {
        #expect(answer.status == 507, "\(answer.status) \(answer.text)")
        #expect(answer.text.contains(#""code":"UNAVAILABLE""#), "\(answer.text)")
        #expect(answer.text.lowercased().contains("space"), "\(answer.text)")
    }

    /// Somebody who logs in now gets the image, whole.
    private static func expectPulls(_ registry: LoneRegistry, _ manifest: Digest) async throws {
        let token = try await registry.token(["admin/app"])
        let tagged = try await registry.send(.get, "/v2/admin/app/manifests/v1", token: token)
        #expect(Digest(of: Array(tagged.body)) == manifest, "\(tagged.status) \(tagged.text.prefix(300))")
        let digest = Digest(of: Self.layer)
        let blob = try await registry.send(.get, "/v2/admin/app/blobs/\(digest)", token: token)
        #expect(Digest(of: Array(blob.body)) == digest, "\(blob.status)")
        let head = try await registry.send(.head, "/v2/admin/app/blobs/\(digest)", token: token)
        #expect(head.status == 200)
    }
}
