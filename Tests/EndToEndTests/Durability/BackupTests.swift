import Foundation
import OCI
import TestSupport
import Testing
import WebRequests

/// docs/operations/backup.md, rehearsed: a backup under load, a restore elsewhere, and a look at everything.
@Suite("Backup and restore", .serialized, .enabled(if: Client.isHere("/usr/bin/rsync"))) struct BackupTests {
    private static func script(_ name: String) -> String { Programs.root.appending(path: "scripts/\(name)").path }

    @Test(
        "a backup made while clients push, restored elsewhere, has all that was acknowledged before it began",
        arguments: TestDatabase.allEngines)
    func rehearse(_ engine: TestDatabase.Engine) async throws {
        let registry = try await LoneRegistry(engine)
        try await registry.start()
        let admin = try await registry.initialize()
        let token = try await registry.token(Writer.repositories + ["admin/kept"])
        let kept = try await registry.push(
            [UInt8](repeating: 1, count: 50_000), to: "admin/kept", tag: "v1", token: token)
        let robot = try await registry.api(.put, "/api/v1/user/robots/ci", token: admin)
        let ledger = Ledger()
        try await Self.write(registry, ledger, token, steps: 12)
        let before = ledger.now
        #expect(before.blobs.count > 20)

        let folder = try TemporaryFolder()
        let backup = folder.path("backup")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await Self.write(registry, ledger, token, steps: .max) }
            group.addTask {
                try await Client.run(
                    Self.script("backup"), [backup] + Self.place(registry) + ["--config", registry.config])
                try await registry.server.kill()
            }
            try await group.waitForAll()
        }
        #expect(ledger.now.acknowledged > before.acknowledged, "nobody pushed during the backup")

        let restored = try await LoneRegistry(engine)
        try await Client.run(Self.script("restore"), [backup] + Self.place(restored))
        try await Fsck.expectClean(restored)
        try await restored.start()
        let there = try await restored.token(Writer.repositories + ["admin/kept"])
        #expect(try await Self.pull("admin/kept", "v1", restored, there) == kept)
        for place in before.blobs {
            let answer = try await restored.send(.get, "/v2/\(place.repository)/blobs/\(place.digest)", token: there)
            #expect(answer.status == 200 && Digest(of: Array(answer.body)) == place.digest, "\(place)")
        }
        // A tag that the clients moved meanwhile is where it was at some moment, and whole.
        for (place, digests) in before.tags where digests.count == 1 && digests[0] != nil {
            let digest = try await Self.pull(place.repository, place.tag, restored, there)
            #expect(digest != nil || ledger.now.tags[place] != before.tags[place], "\(place) is gone")
        }
        // What only the secrets open is open.
        #expect(try await restored.api(.get, "/api/v1/user/robots/ci", token: admin).text == robot.text)
        try await restored.push([1, 2, 3], to: "admin/kept", tag: "v2", token: there)
        #expect(try await restored.server.terminate() == 0)
        try await Fsck.expectClean(restored)
    }

    @Test("neither script writes over what is there, and a backup that broke off is none")
    func refusals() async throws {
        let registry = try await LoneRegistry(.sqlite)
        try await registry.start()
        try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        try await registry.push([1, 2, 3], to: "admin/app", tag: "v1", token: token)
        let folder = try TemporaryFolder()
        let place = Self.place(registry)
        let (first, second) = (folder.path("first"), folder.path("second"))
        try await Client.run(Self.script("backup"), [first] + place)
        await #expect(throws: Client.Failed.self) { try await Client.run(Self.script("backup"), [first] + place) }
        await #expect(throws: Client.Failed.self) { try await Client.run(Self.script("restore"), [first] + place) }
        // The second backup shares the first one's objects and is whole without it.
        try await Client.run(Self.script("backup"), [second] + place + ["--previous", first])
        try FileManager.default.removeItem(atPath: first)
        let restored = try await LoneRegistry(.sqlite)
        try await Client.run(Self.script("restore"), [second] + Self.place(restored))
        try await restored.start()
        #expect(try await Self.pull("admin/app", "v1", restored, restored.token(["admin/app"])) != nil)
        try FileManager.default.removeItem(atPath: "\(second)/backup.txt")
        await #expect(throws: Client.Failed.self) {
            try await Client.run(Self.script("restore"), [second, "--data", folder.path("third")])
        }
    }

    /// The words that tell the scripts where a registry keeps its things.
    private static func place(_ registry: LoneRegistry) -> [String] {
        ["--data", registry.data] + (registry.database.map { ["--database", $0.uri] } ?? [])
    }

    private static func write(
        _ registry: LoneRegistry, _ ledger: Ledger, _ token: String, steps: Int
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for repository in Writer.repositories {
                group.addTask {
                    var writer = Writer(
                        registry: registry, ledger: ledger, repository: repository,
                        random: Seeded(UInt64.random(in: 0...UInt64.max)))
                    try await writer.run(token: token, steps: steps)
                }
            }
            try await group.waitForAll()
        }
    }

    /// Pulls an image with all its blobs; nil when there is no such tag. Answers the manifest's digest.
    private static func pull(
        _ repository: String, _ tag: String, _ registry: LoneRegistry, _ token: String
    ) async throws -> Digest? {
        let answer = try await registry.send(.get, "/v2/\(repository)/manifests/\(tag)", token: token)
        guard answer.status == 200 else { return nil }
        struct Image: Decodable {
            struct Part: Decodable { let digest: String }
            let config: Part
            let layers: [Part]
        }
        let image = try JSONDecoder().decode(Image.self, from: Data(answer.body))
        for part in [image.config] + image.layers {
            let blob = try await registry.send(.get, "/v2/\(repository)/blobs/\(part.digest)", token: token)
            #expect(Digest(of: Array(blob.body)).text == part.digest, "\(repository):\(tag) \(blob.status)")
        }
        return Digest(of: Array(answer.body))
    }
}
