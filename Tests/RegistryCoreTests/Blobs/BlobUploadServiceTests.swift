import Domain
import Foundation
import NIOCore
import OCI
import ObjectStorage
import Runtime
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Blob uploads") struct BlobUploadServiceTests {
    private struct Desk {
        let core: CoreFixture
        let owner: Account

        init(_ engine: TestDatabase.Engine = .sqlite) async throws {
            core = try await CoreFixture(engine)
            owner = try await core.user("owner")
            try await core.repository("owner/app", of: owner)
        }

        var uploads: BlobUploadService { core.registry.blobUploads }

        func proof(_ role: RepositoryRole = .write) async throws -> RepositoryAccess {
            try await core.registry.access.repository(RepositoryName("owner/app"), role, for: core.caller(owner))
        }

        func upload(_ text: String) async throws -> Blob {
            let access = try await proof()
            let upload = try await uploads.begin(in: access)
            return try await uploads.finish(
                upload.uuid, with: Self.stream(text), digest: Digest(of: Array(text.utf8)), in: access)
        }

        func pinnedUntil(_ blob: Blob) async throws -> Date? {
            let id = try await proof().repository.id
            return try await core.database.read {
                try BlobStore.all(blob.digest, inRepository: id, in: $0).first?.pinnedUntil
            }
        }

        static func stream(_ text: String) -> AsyncThrowingStream<ByteBuffer, any Error> {
            AsyncThrowingStream { input in
                input.yield(ByteBuffer(string: text))
                input.finish()
            }
        }
    }

    @Test(
        "an upload pins its blob for an hour, and a pusher's question pins it again", arguments: TestDatabase.allEngines
    )
    func pins(_ engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let blob = try await desk.upload("bytes")
        let first = desk.core.now + 3600
        #expect(try await desk.pinnedUntil(blob) == first)
        // Fresh enough: a question writes nothing.
        desk.core.advance(60)
        _ = try await desk.core.registry.blobs.find(blob.digest, in: desk.proof())
        #expect(try await desk.pinnedUntil(blob) == first)
        desk.core.advance(3000)
        _ = try await desk.core.registry.blobs.find(blob.digest, in: desk.proof())
        #expect(try await desk.pinnedUntil(blob) == desk.core.now + 3600)
    }

    @Test("the same bytes again are the same blob, and no second object") func dedupe() async throws {
        let desk = try await Desk()
        let first = try await desk.upload("bytes")
        let second = try await desk.upload("bytes")
        #expect(first == second)
        #expect(try await desk.core.platform.objects.content(of: first.key)?.sizeBytes == 5)
    }

    @Test("a repository that has become read-only takes no blob, although access was decided before")
    func readOnly() async throws {
        let desk = try await Desk()
        let access = try await desk.proof()
        let upload = try await desk.uploads.begin(in: access)
        try await desk.core.database.write {
            try $0.run("UPDATE repository SET state = 1 WHERE id = \(access.repository.id)")
        }
        for attempt in [
            { _ = try await desk.uploads.begin(in: access) },
            {
                _ = try await desk.uploads.finish(
                    upload.uuid, with: Desk.stream("x"), digest: Digest(of: Array("x".utf8)), in: access)
            },
            { _ = try await desk.uploads.mount(Digest(of: []), from: nil, in: access) },
        ] {
            #expect(try await CoreFixture.kind(attempt) == .readOnly)
        }
    }

    @Test("SEC-Cross-tenant object use (IDOR): a revoked token goes on with nothing") func revoked() async throws {
        let desk = try await Desk()
        let repository = try await desk.proof().repository
        let draft = try desk.core.registry.delegateTokens.draft()
        let id = try await desk.core.database.write {
            try DelegateTokenService.issue(
                draft, named: "a token", repositoryID: repository.id, role: .write, in: $0)
        }
        let grant = DelegateGrant(tokenID: id, repositoryID: repository.id, role: .write, attemptID: nil, tags: nil)
        let access = try await desk.core.registry.access.repository(
            repository.name, .write,
            for: Caller(identity: .repositoryToken(grant), credential: .delegateToken(id: id)))
        let upload = try await desk.uploads.begin(in: access)
        // Its owner is another subject, whatever their rights.
        let owner = try await desk.proof(.admin)
        #expect(
            try await CoreFixture.kind { _ = try await desk.uploads.status(upload.uuid, in: owner) }
                == .blobUploadUnknown)
        let now = desk.core.now
        try await desk.core.database.write { try DelegateTokenStore.revoke(id: id, at: now, in: $0) }
        #expect(
            try await CoreFixture.kind {
                _ = try await desk.uploads.finish(
                    upload.uuid, with: Desk.stream("x"), digest: Digest(of: Array("x".utf8)), in: access)
            } == .denied)
    }

    @Test("SEC-Resource exhaustion: one subject can't begin uploads without end") func throttled() async throws {
        let desk = try await Desk()
        let access = try await desk.proof()
        let now = desk.core.now
        try await desk.core.database.write { transaction in
            for number in 0..<BlobUploadService.maximumUploadsPerSubject {
                let uuid = "upload-\(number)"
                try BlobUploadStore.insert(
                    BlobUpload(
                        uuid: uuid, repositoryID: access.repository.id, mark: .start, algorithm: .sha256, hasher: nil,
                        location: "memory", key: ObjectKey(area: "blobs", identifier: uuid)),
                    subject: "owner", at: now, in: transaction)
            }
        }
        #expect(try await CoreFixture.kind { _ = try await desk.uploads.begin(in: access) } == .throttled)
    }

    @Test("uploads that nobody went on with go after a day, with their bytes; blobs stay") func cleanup() async throws {
        let desk = try await Desk()
        let access = try await desk.proof()
        let blob = try await desk.upload("kept")
        let idle = try await desk.uploads.begin(in: access)
        _ = try await desk.uploads.append(Desk.stream("left"), to: idle.uuid, in: access)
        // An upload that broke between the location and the database: its object is there, its blob is not.
        let broken = try await desk.uploads.begin(in: access)
        let key = try ObjectKey(area: "blobs", identifier: broken.uuid)
        try await desk.core.platform.objects.put(ByteBuffer(string: "lost"), as: key)
        let step = UploadCleanupStep(platform: desk.core.platform)
        desk.core.advance(UploadCleanupStep.idle - 10)
        let busy = try await desk.uploads.begin(in: access)
        #expect(try await step.run() == 0)
        desk.core.advance(20)
        #expect(try await step.run() == 2)
        #expect(try await step.run() == 0)
        #expect(try await desk.core.platform.objects.content(of: key) == nil)
        #expect(
            try await CoreFixture.kind { _ = try await desk.uploads.status(idle.uuid, in: access) }
                == .blobUploadUnknown)
        #expect(try await desk.uploads.status(busy.uuid, in: access).progress.offset == 0)
        #expect(try await desk.core.platform.objects.content(of: blob.key)?.sizeBytes == 4)
    }
}
