import Domain
import Logging
import NIOCore
import OCI
import ObjectStorage
import Runtime
import Secrets
import Testing

@testable import RegistryCore

/// A registry whose blobs are in more than one place.
@Suite("Several locations") struct BlobLocationsTests {
    private let core: CoreFixture
    private let old = MemoryStore(location: "old")
    private let new = MemoryStore(location: "new")
    private let owner: Account

    init() async throws {
        core = try await CoreFixture()
        owner = try await core.user("owner")
        try await core.repository("owner/app", of: owner)
    }

    private func registry(_ locations: ObjectLocations) throws -> Registry {
        Registry(
            platform: Platform(
                database: core.database, locations: locations, cipher: core.platform.cipher,
                passwords: core.platform.passwords, clock: core.platform.clock, logger: Logger(label: "test")),
            site: SiteSettings(hostname: CoreFixture.hostname, library: try Username("library")))
    }

    private func access(_ registry: Registry) async throws -> RepositoryAccess {
        try await registry.access.repository(RepositoryName("owner/app"), .write, for: core.caller(owner))
    }

    private func push(_ text: String, through registry: Registry) async throws -> Blob {
        let access = try await access(registry)
        let upload = try await registry.blobUploads.begin(in: access)
        return try await registry.blobUploads.finish(
            upload.uuid, with: stream(text), digest: Digest(of: Array(text.utf8)), in: access)
    }

    private func stream(_ text: String) -> AsyncThrowingStream<ByteBuffer, any Error> {
        AsyncThrowingStream { input in
            input.yield(ByteBuffer(string: text))
            input.finish()
        }
    }

    @Test("new blobs go to the preferred location, old ones are read where they are, and an upload ends where it began")
    func moves() async throws {
        let before = try registry(ObjectLocations(old))
        let first = try await push("first", through: before)
        let half = try await before.blobUploads.begin(in: access(before))
        _ = try await before.blobUploads.append(stream("ha"), to: half.uuid, in: access(before))

        let after = try registry(ObjectLocations(new, others: [old]))
        let second = try await push("second", through: after)
        #expect(first.location == "old" && second.location == "new")
        for blob in [first, second] {
            let found = try await after.blobs.find(blob.digest, in: access(after))
            #expect(try await after.blobs.content(of: found).sizeBytes == blob.sizeBytes)
        }
        let ended = try await after.blobUploads.finish(
            half.uuid, with: stream("lf"), digest: Digest(of: Array("half".utf8)), in: access(after))
        #expect(ended.location == "old")

        // The same bytes again: the preferred location has them too, and serves them from then on.
        #expect(try await push("first", through: after).location == "new")
        #expect(try await after.blobs.find(first.digest, in: access(after)).location == "new")
        #expect(try await before.blobs.find(first.digest, in: access(before)).location == "old")
    }

    @Test("a blob in a location that is configured no more is not found, and nothing else breaks") func gone()
        async throws
    {
        let blob = try await push("first", through: try registry(ObjectLocations(old)))
        let after = try registry(ObjectLocations(new))
        let found = try await after.blobs.find(blob.digest, in: access(after))
        #expect(try await CoreFixture.kind { _ = try await after.blobs.content(of: found) } == .blobUnknown)
        #expect(try await push("first", through: after).location == "new")
        let healed = try await after.blobs.find(blob.digest, in: access(after))
        #expect(try await after.blobs.content(of: healed).sizeBytes == 5)
    }
}
