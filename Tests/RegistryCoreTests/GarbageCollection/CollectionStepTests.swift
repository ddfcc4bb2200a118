import Domain
import Foundation
import OCI
import ObjectStorage
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Garbage collection") struct CollectionStepTests {
    private static let pin = BlobUploadService.pin
    private static let hidden: TimeInterval = 3600

    @Test(
        "a removed tag's image stays as long as the time machine says, then all of it goes",
        arguments: TestDatabase.allEngines)
    func window(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine)
        let image = try await depot.pushImage("layer", tag: "v1")
        let key = try #require(await blob("layer", depot)).key
        depot.core.advance(Depot.window * 2)
        #expect(try await depot.collect().isEmpty)
        try await depot.delete(tag: "v1")
        depot.core.advance(Depot.window - 1)
        #expect(try await depot.collect().isEmpty)
        #expect(try await depot.hasManifest(image))
        depot.core.advance(1)
        let counts = try await depot.collect()
        #expect(counts == .init(tags: 1, manifests: 1, links: 2, blobs: 2, bytes: 11, objects: 2))
        #expect(try await !depot.hasManifest(image))
        #expect(try await depot.core.platform.objects.content(of: key) == nil)
        for table: Query in [
            "SELECT COUNT(*) FROM manifest", "SELECT COUNT(*) FROM blob", "SELECT COUNT(*) FROM repository_blob",
            "SELECT COUNT(*) FROM tag", "SELECT COUNT(*) FROM manifest_candidate",
            "SELECT COUNT(*) FROM garbage_object", "SELECT COUNT(*) FROM step_lease",
        ] {
            #expect(try await depot.rows(table) == 0)
        }
        #expect(try await depot.collect().isEmpty)
    }

    @Test(
        "each namespace has its own time machine, and what is set last counts", arguments: TestDatabase.allEngines)
    func ownWindow(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine)
        let image = try await depot.pushImage("layer", tag: "v1")
        try await depot.delete(tag: "v1")
        depot.core.advance(Self.pin + 10)
        #expect(try await depot.collect().isEmpty)
        try await depot.core.database.write { try $0.run("UPDATE account SET removed_tag_expiration_s = 2419200") }
        depot.core.advance(Depot.window)
        #expect(try await depot.collect().isEmpty)
        try await depot.core.database.write { try $0.run("UPDATE account SET removed_tag_expiration_s = 0") }
        #expect(try await depot.collect().manifests == 1)
        #expect(try await !depot.hasManifest(image))
    }

    @Test("what another tag, another repository or another image uses stays", arguments: TestDatabase.allEngines)
    func shared(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine, repositories: ["owner/app", "owner/other"])
        try await depot.pushImage("shared", tag: "v1")
        let second = try await depot.pushImage("own", tag: "v2")
        try await depot.pushImage("shared", tag: "v1", to: "owner/other")
        try await depot.push(Depot.image(layers: ["own"]), tag: "v3")
        try await depot.delete(tag: "v1")
        try await depot.delete(tag: "v2")
        depot.core.advance(Depot.window + 1)
        let counts = try await depot.collect()
        // The objects: three uploads of bytes that were there already.
        #expect(counts == .init(tags: 2, manifests: 1, links: 1, objects: 3))
        #expect(try await depot.hasManifest(second))
        #expect(try await depot.hasBlob("own"))
        #expect(try await !depot.hasBlob("shared"))
        #expect(try await depot.hasBlob("shared", in: "owner/other"))
        #expect(try await depot.hasBlob("config"))
    }

    @Test("an index keeps its children, and takes them along", arguments: TestDatabase.allEngines)
    func children(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine)
        let children = [try await depot.pushImage("amd64"), try await depot.pushImage("arm64")]
        let index = try await depot.push(Depot.index(children), tag: "v1")
        depot.core.advance(Self.hidden + 1)
        #expect(try await depot.collect() == .init(tags: 2, objects: 1))
        for child in children { #expect(try await depot.hasManifest(child)) }
        try await depot.delete(tag: "v1")
        depot.core.advance(Depot.window + 1)
        #expect(try await depot.collect().manifests == 3)
        #expect(try await !depot.hasManifest(index))
        #expect(try await !depot.hasBlob("amd64"))
    }

    @Test("a referrer lives as long as its subject, and no longer", arguments: TestDatabase.allEngines)
    func referrers(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine)
        let subject = Digest(of: Depot.image(layers: ["layer"]))
        // Before its subject, which comes within the hidden tag's hour.
        let early = try await depot.pushImage("signature", subject: subject)
        let signatureOfTheSignature = try await depot.pushImage("more", subject: early)
        try await depot.pushImage("layer", tag: "v1")
        depot.core.advance(Self.hidden + 1)
        #expect(try await depot.collect().manifests == 0)
        #expect(try await depot.hasManifest(early))
        #expect(try await depot.hasManifest(signatureOfTheSignature))
        try await depot.delete(tag: "v1")
        depot.core.advance(Depot.window + 1)
        #expect(try await depot.collect().manifests == 3)
        #expect(try await depot.rows("SELECT COUNT(*) FROM blob") == 0)
    }

    @Test("a referrer whose subject never comes goes with its hidden tag") func lostReferrer() async throws {
        let depot = try await Depot()
        let referrer = try await depot.pushImage("signature", subject: Depot.digest("nobody"))
        depot.core.advance(Self.hidden - 1)
        #expect(try await depot.collect().isEmpty)
        depot.core.advance(2)
        #expect(try await depot.collect().manifests == 1)
        #expect(try await !depot.hasManifest(referrer))
    }

    @Test(
        "an index and the image that it lists and has for a subject don't keep each other",
        arguments: TestDatabase.allEngines)
    func circle(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine)
        let image = try await depot.pushImage("layer", tag: "v1")
        let index = try await depot.push(Depot.index([image], subject: image))
        depot.core.advance(Self.hidden + 1)
        #expect(try await depot.collect().manifests == 0)
        #expect(try await depot.hasManifest(index))
        try await depot.delete(tag: "v1")
        depot.core.advance(Depot.window + 1)
        #expect(try await depot.collect().manifests == 2)
        #expect(try await depot.rows("SELECT COUNT(*) FROM blob") == 0)
    }

    @Test("a blob stays while it is pinned: by its upload, by a mount, by a pusher's question")
    func pins() async throws {
        let depot = try await Depot(repositories: ["owner/app", "owner/other"])
        let blob = try await depot.upload("layer")
        depot.core.advance(Self.pin - 1)
        #expect(try await depot.collect().isEmpty)
        // A pusher who is told that it exists does not upload it.
        _ = try await depot.registry.blobs.find(blob.digest, in: depot.proof())
        depot.core.advance(Self.pin - 1)
        #expect(try await depot.collect().isEmpty)
        #expect(
            try await depot.registry.blobUploads.mount(
                blob.digest, from: depot.proof(), in: depot.proof("owner/other")) != nil)
        depot.core.advance(2)
        #expect(try await depot.collect() == .init(links: 1))
        #expect(try await depot.hasBlob("layer", in: "owner/other"))
        depot.core.advance(Self.pin)
        #expect(try await depot.collect() == .init(links: 1, blobs: 1, bytes: 5, objects: 1))
    }

    @Test("bytes that are uploaded again while their old object waits for removal are another object")
    func reupload() async throws {
        let depot = try await Depot()
        let old = try await depot.upload("layer")
        let now = depot.core.now
        let link = BlobLink(repositoryID: try await depot.proof().repository.id, blobID: old.id)
        try await depot.core.database.write { _ = try GarbageStore.unlink([link], at: now, in: $0) }
        let new = try await depot.upload("layer")
        #expect(new.key != old.key)
        #expect(try await depot.collect().objects == 1)
        #expect(try await depot.core.platform.objects.content(of: old.key) == nil)
        #expect(try await depot.hasBlob("layer"))
    }

    @Test("SEC-Cross-tenant object use (IDOR): a collected blob is gone for every replica, and no mount revives it")
    func revives() async throws {
        let depot = try await Depot(repositories: ["owner/app", "owner/other"])
        let replica = Registry(platform: depot.core.platform, site: depot.registry.site)
        let blob = try await depot.upload("layer")
        _ = try await replica.blobs.find(blob.digest, in: depot.proof())
        depot.core.advance(Self.pin * 2)
        #expect(try await depot.collect().blobs == 1)
        for registry in [depot.registry, replica] {
            #expect(
                try await CoreFixture.kind { _ = try await registry.blobs.find(blob.digest, in: depot.proof()) }
                    == .blobUnknown)
            #expect(
                try await registry.blobUploads.mount(
                    blob.digest, from: depot.proof(), in: depot.proof("owner/other")) == nil)
        }
    }

    @Test("one process collects at a time; what a killed one left is taken over", arguments: TestDatabase.allEngines)
    func lease(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine)
        try await depot.upload("layer")
        depot.core.advance(Self.pin * 2)
        let killed = try #require(await StepLease.take("garbage collection", on: depot.core.platform))
        #expect(try await CollectionStep(platform: depot.core.platform).run() == nil)
        depot.core.advance(StepLease.lifetime)
        #expect(try await depot.collect().blobs == 1)
        // It only slept: it may not go on, and takes nothing from whoever came after it.
        let other = try #require(await StepLease.take("garbage collection", on: depot.core.platform))
        #expect(try await killed.kept() == nil)
        try await killed.release()
        #expect(try await other.kept() != nil)
        #expect(try await StepLease.take("garbage collection", on: depot.core.platform) == nil)
    }

    @Test("an object that its location refuses to remove is tried again, and holds up nothing else")
    func stubborn() async throws {
        let depot = try await Depot()
        try await depot.upload("layer")
        let now = depot.core.now
        try await depot.core.database.write {
            try GarbageStore.discard(objectKey: "blobs/ab/abc", location: "elsewhere", at: now, in: $0)
        }
        depot.core.advance(Self.pin * 2)
        #expect(try await depot.collect().objects == 1)
        #expect(try await depot.rows("SELECT COUNT(*) FROM garbage_object") == 1)
    }

    private func blob(_ text: String, _ depot: Depot) async throws -> Blob? {
        let id = try await depot.proof().repository.id
        return try await depot.core.database.read {
            try BlobStore.find(Depot.digest(text), inRepository: id, in: $0)
        }
    }
}
