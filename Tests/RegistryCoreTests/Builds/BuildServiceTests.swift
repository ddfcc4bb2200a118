import Domain
import Foundation
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Build service") struct BuildServiceTests {
    @Test("a request leaves a build, a queue item and an audit entry", arguments: TestDatabase.allEngines)
    func request(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        let view = try await fixture.enqueue()
        #expect(view.shownPhase.text == "waiting")
        #expect(view.build.config.manualUser == "owner")
        #expect(view.build.config.dockerTags == ["latest"])
        #expect(view.build.config.dockerfilePath == "/Dockerfile")
        let item = try #require(view.build.queueItemID)
        let kept = try await fixture.database.read { transaction in
            (
                try WorkQueue.find(item, in: transaction),
                try transaction.number("SELECT COUNT(*) FROM audit_log WHERE kind = 'build_dockerfile'")
            )
        }
        #expect(kept.0?.name == "dockerfilebuild/owner/app/")
        #expect(kept.0?.retriesRemaining == 3)
        // Ids only: a credential in the queue would outlive its rights.
        #expect(kept.0?.body == #"{"build_uuid":"\#(view.build.uuid)"}"#)
        #expect(kept.1 == 1)
    }

    @Test("the display name of an archive is the start of its address's SHA-224") func displayName() {
        #expect(BuildDisplayName.sha224(Array("abc".utf8)).prefix(2) == [0x2309_7d22, 0x3405_d822])
        #expect(BuildDisplayName.sha224(Array(String(repeating: "a", count: 119).utf8)).count == 7)
        #expect(BuildDisplayName.forArchive("abc") == "23097d2")
    }

    @Test("at the namespace's limit one more build is refused, and an ended one makes room")
    func limit() async throws {
        let fixture = try await BuildFixture(.sqlite)
        try await fixture.database.write { transaction in
            _ = try transaction.run("UPDATE account SET maximum_queued_builds_count = 2 WHERE id = 1")
        }
        let first = try await fixture.enqueue()
        try await fixture.enqueue("owner/second")
        let error = await #expect(throws: RegistryError.self) { try await fixture.enqueue() }
        #expect(error?.kind == .throttled)
        // Another namespace has its own limit.
        try await fixture.enqueue("other/app")
        try await fixture.service.cancel(first.build.uuid, in: fixture.proof(), ip: nil)
        try await fixture.enqueue()
    }

    @Test(
        "SEC-Resource exhaustion: many who ask at once don't pass their namespace's limit together",
        arguments: TestDatabase.allEngines)
    func limitRace(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        try await fixture.database.write { transaction in
            _ = try transaction.run("UPDATE account SET maximum_queued_builds_count = 3 WHERE id = 1")
        }
        let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                group.addTask {
                    do {
                        try await fixture.enqueue(number.isMultiple(of: 2) ? "owner/app" : "owner/second")
                        return true
                    } catch let error as RegistryError where error.kind == .throttled { return false }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(accepted == 3)
    }

    @Test("a repository that takes no writes takes no builds", arguments: [1, 2])
    func readOnly(state: Int) async throws {
        let fixture = try await BuildFixture(.sqlite)
        let proof = try await fixture.proof()
        try await fixture.database.write { transaction in
            _ = try transaction.run("UPDATE repository SET state = \(state) WHERE id = 1")
        }
        let error = await #expect(throws: RegistryError.self) {
            try await fixture.service.request(fixture.request(), in: proof, ip: nil)
        }
        #expect(error?.kind == .readOnly)
    }

    @Test(
        "SEC-Authorisation slips: a pull robot is lent only by who may see its token",
        arguments: [
            ("owner+puller", ScopeSet.everything, nil),
            ("owner+puller", .only([.repositoryWrite, .organizationAdmin]), nil),
            ("owner+puller", .only([.repositoryWrite, .repositoryAdmin]), .forbidden),
            ("other+puller", .everything, .forbidden),
            ("owner+nobody", .everything, .notFound),
        ] as [(String, ScopeSet, RegistryError.Kind?)])
    func pullRobot(_ robot: String, _ scopes: ScopeSet, _ refusal: RegistryError.Kind?) async throws {
        let fixture = try await BuildFixture(.sqlite)
        let proof = try await fixture.proof(
            "owner/app", .write, for: fixture.caller(scopes: scopes))
        do {
            let view = try await fixture.service.request(fixture.request(robot: robot), in: proof, ip: nil)
            #expect(refusal == nil)
            #expect(view.build.pullRobot?.text == robot)
        } catch let error as RegistryError {
            #expect(error.kind == refusal)
        }
    }

    @Test("SEC-Cross-tenant object use (IDOR): a build is found only through its own repository")
    func buildOfAnotherRepository() async throws {
        let fixture = try await BuildFixture(.sqlite)
        let build = try await fixture.enqueue("other/app").build
        let proof = try await fixture.proof("owner/app")
        let error = await #expect(throws: RegistryError.self) { try await fixture.service.find(build.uuid, in: proof) }
        #expect(error?.kind == .notFound)
        await #expect(throws: RegistryError.self) {
            try await fixture.service.cancel(build.uuid, in: proof, ip: nil)
        }
        #expect(try await fixture.service.list(in: proof, since: nil, limit: 100).isEmpty)
    }

    @Test("SEC-Cross-tenant object use (IDOR): an upload serves its own user, once stored, in one repository")
    func uploadOfAnotherUser() async throws {
        let fixture = try await BuildFixture(.sqlite)
        let (now, database) = (fixture.now, fixture.database)
        for (uuid, account) in [("mine", Int64(1)), ("theirs", 2), ("unstored", 1)] {
            try await database.write { transaction in
                try UserFileStore.insert(
                    UserFile(
                        uuid: uuid, accountID: account, repositoryID: nil, mimeType: "text/plain", location: "local_us",
                        objectKey: uuid, checksum: nil, sizeBytes: nil, createdAt: now), in: transaction)
                if uuid != "unstored" {
                    _ = try UserFileStore.stored(
                        uuid, objectKey: uuid, checksum: "abcdef0123", sizeBytes: 3, at: now, in: transaction)
                }
            }
        }
        for uuid in ["theirs", "unstored", "nothing"] {
            let error = await #expect(throws: RegistryError.self) {
                try await fixture.service.request(fixture.request(.upload(uuid)), in: fixture.proof(), ip: nil)
            }
            #expect(error?.kind == .invalidRequest)
        }
        let view = try await fixture.service.request(fixture.request(.upload("mine")), in: fixture.proof(), ip: nil)
        #expect(view.build.displayName == "abcdef0")
        #expect(view.build.resourceKey == "mine")
        await #expect(throws: RegistryError.self) {
            try await fixture.service.request(
                fixture.request(.upload("mine")), in: fixture.proof("owner/second"), ip: nil)
        }
        #expect(
            try await database.write {
                try UserFileStore.stored("mine", objectKey: "x", checksum: "x", sizeBytes: 1, at: now, in: $0)
            } == false)
    }

    @Test("builds are listed newest first, since a moment, up to a limit") func list() async throws {
        let fixture = try await BuildFixture(.sqlite)
        var uuids: [String] = []
        for _ in 0..<4 {
            uuids.append(try await fixture.enqueue().build.uuid)
            fixture.advance(10)
        }
        let proof = try await fixture.proof()
        #expect(
            try await fixture.service.list(in: proof, since: nil, limit: 2).map(\.build.uuid) == [uuids[3], uuids[2]])
        let since = fixture.now.addingTimeInterval(-25)
        #expect(
            try await fixture.service.list(in: proof, since: since, limit: 5).map(\.build.uuid) == [uuids[3], uuids[2]])
    }
}
