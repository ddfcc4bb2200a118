import Foundation
import ObjectStorage
import SQL
import TestSupport
import Testing
import WebRequests

@testable import RegistryCore
@testable import RegistryLite

@Suite("Health") struct HealthTests {
    @Test("every endpoint names its parts, and all of them are well", arguments: TestDatabase.allEngines)
    func parts(engine: TestDatabase.Engine) async throws {
        let folder = try TemporaryFolder()
        let root = folder.path("storage")
        let site = try await SiteFixture(
            engine, objects: try await LocalDiskStore.open(root, location: "default"))
        let small = ["auth", "database", "redis", "storage"]
        let own = ["disk_space", "registry_gunicorn", "service_key", "web_gunicorn"]
        for (path, parts) in [
            ("/health/instance", small + own), ("/health/endtoend", small),
            ("/status", small), ("/health/dbrevision", ["database"]),
        ] {
            let answer = try await site.send(.get, path)
            #expect(answer.status == 200, "\(path): \(answer.text)")
            #expect(answer.json["data"]?["services"]?.object?.keys.sorted() == parts.sorted())
        }
        let warning = try await site.send(.get, "/health/warning")
        #expect(warning.json["data"]?["services"]?["disk_space_warning"] != nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(root)/uploads").isEmpty)
    }

    @Test("a storage folder that is gone, or not mounted, is down and 503", arguments: [false, true])
    func storageIsDown(leavesEmptyFolder: Bool) async throws {
        let folder = try TemporaryFolder()
        let root = folder.path("storage")
        let site = try await SiteFixture(objects: try await LocalDiskStore.open(root, location: "default"))
        try FileManager.default.removeItem(atPath: root)
        if leavesEmptyFolder {
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
        }
        let answer = try await site.send(.get, "/health/instance")
        #expect(answer.status == 503)
        #expect(answer.json["status_code"] == 503)
        let parts = answer.json["data"]?["services"]
        for (part, isWell) in [
            ("auth", true), ("database", true), ("service_key", true), ("storage", false), ("disk_space", false),
        ] { #expect(parts?[part] == .bool(isWell), "\(part)") }
        #expect(try await site.send(.get, "/status").status == 503)
        #expect(try await site.send(.get, "/health/dbrevision").status == 200)
    }

    @Test("a closed database is down and 503, and takes nothing else along") func databaseIsDown() async throws {
        let site = try await SiteFixture()
        #expect(try await site.send(.get, "/health/instance").status == 200)
        await site.database.close()
        let answer = try await site.send(.get, "/health/instance")
        #expect(answer.status == 503)
        let parts = answer.json["data"]?["services"]
        for (part, isWell) in [
            ("auth", false), ("database", false), ("service_key", false), ("storage", true), ("disk_space", true),
        ] { #expect(parts?[part] == .bool(isWell), "\(part)") }
    }

    @Test("a key that is not in the key set any more is not well") func keyIsGone() async throws {
        let site = try await SiteFixture()
        #expect(try await site.send(.get, "/health/instance").status == 200)
        try await site.database.write { _ = try $0.run("DELETE FROM service_key") }
        let answer = try await site.send(.get, "/health/instance")
        #expect(answer.status == 503)
        #expect(answer.json["data"]?["services"]?["service_key"] == false)
    }

    @Test("the free space is the storage's own") func freeSpace() async throws {
        let folder = try TemporaryFolder()
        let store = try await LocalDiskStore.open(folder.path("storage"), location: "default")
        let free = try #require(try await store.freeBytes())
        #expect(free > 0)
        let site = try await SiteFixture(objects: store)
        let health = HealthService(platform: site.services.platform, keys: site.services.serviceKeys)
        try await health.checkFreeSpace(atLeast: 1)
        let error = await #expect(throws: ObjectStorageError.self) { try await health.checkFreeSpace(atLeast: .max) }
        #expect(error?.kind == .full)
    }
}
