import Domain
import Foundation
import OCI
import ObjectStorage
import Runtime
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Manifests and tags") struct ManifestServiceTests {
    private struct Desk {
        let fixture: BuildFixture
        let manifests: ManifestService
        let tags: TagService

        init(_ engine: TestDatabase.Engine) async throws {
            fixture = try await BuildFixture(engine)
            let quotas = QuotaMeter(platform: fixture.platform, settings: .off)
            manifests = ManifestService(
                platform: fixture.platform, access: fixture.access, quotas: quotas, untaggedLifetime: 3600)
            tags = TagService(platform: fixture.platform, quotas: quotas)
        }

        /// Links a blob of `text` to a repository, as a finished upload does.
        func blob(_ text: String, repository: Int64 = 1) async throws -> String {
            let digest = Digest(of: Array(text.utf8))
            let key = try ObjectKey(area: "blobs", identifier: fixture.platform.identifiers.uuid())
            try await fixture.database.write { transaction in
                let id = try transaction.number(
                    """
                    INSERT INTO blob (digest, size_bytes, location, object_key, created_ms)
                    VALUES (\(digest.text), \(text.utf8.count), 'local', \(key.text), 0)
                    ON CONFLICT (digest, location) DO UPDATE SET created_ms = 0 RETURNING id
                    """)
                try transaction.run(
                    """
                    INSERT INTO repository_blob (repository_id, blob_id, pinned_until_ms)
                    VALUES (\(repository), \(id), 0)
                    """)
            }
            return digest.text
        }

        func image(config: String, layer: String, subject: String? = nil) -> [UInt8] {
            let subject =
                subject.map { #","subject":{"mediaType":"\#(MediaType.ociImage)","digest":"\#($0)","size":2}"# } ?? ""
            return Array(
                """
                {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)",\
                "config":{"mediaType":"\(MediaType.ociConfig)","digest":"\(config)","size":6},\
                "layers":[{"mediaType":"\(MediaType.ociLayerGzip)","digest":"\(layer)","size":5}]\(subject)}
                """.utf8)
        }

        func pushed(_ tag: String, layer: String = "layer") async throws -> ManifestStore.Stored {
            let body = image(config: try await blobOnce("config"), layer: try await blobOnce(layer))
            return try await manifests.put(
                body, contentType: "\(MediaType.ociImage); charset=utf-8", reference: .tag(try TagName(tag)),
                in: try await fixture.proof())
        }

        func blobOnce(_ text: String) async throws -> String {
            let digest = Digest(of: Array(text.utf8))
            let known = try await fixture.database.read {
                try ManifestStore.linkedBlobs([digest], inRepository: 1, in: $0)[digest.text]
            }
            return known == nil ? try await blob(text) : digest.text
        }

        func kind(_ body: () async throws -> Void) async throws -> RegistryError.Kind? {
            do { try await body() } catch let error as RegistryError { return error.kind }
            return nil
        }
    }

    @Test(
        "answers the exact bytes by tag and by digest, with the type that was pushed",
        arguments: TestDatabase.allEngines)
    func answersTheBytes(engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let stored = try await desk.pushed("v1")
        let access = try await desk.fixture.proof("owner/app", .read)
        for reference in [ManifestReference.tag(try TagName("v1")), .digest(stored.digest)] {
            let found = try await desk.manifests.manifest(reference, in: access)
            #expect(found.body == stored.body && found.mediaType == MediaType.ociImage.text)
            #expect(Digest(of: found.body) == stored.digest)
        }
        #expect(stored.configDigest == Digest(of: Array("config".utf8)).text)
    }

    @Test(
        "SEC-Authorisation slips: rights, the tag and the manifest are asked for at every read: what was taken back is gone at once",
        arguments: TestDatabase.allEngines)
    func forgetsNothing(engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let stored = try await desk.pushed("v1")
        let (owner, other) = (try desk.fixture.caller(), try desk.fixture.caller("other"))
        let name = try RepositoryName("owner/app")
        let references = [ManifestReference.tag(try TagName("v1")), .digest(stored.digest)]
        func kinds(_ caller: Caller) async throws -> [RegistryError.Kind?] {
            var kinds: [RegistryError.Kind?] = []
            for reference in references {
                kinds.append(
                    try await desk.kind {
                        let found = try await desk.manifests.manifest(reference, of: name, for: caller)
                        #expect(found.manifest == stored && found.access.repository.name == name)
                    })
            }
            return kinds
        }
        func change(_ query: Query) async throws { try await desk.fixture.database.write { try $0.run(query) } }

        #expect(try await kinds(other) == [.forbidden, .forbidden])
        try await change("INSERT INTO repository_permission (repository_id, account_id, role) VALUES (1, 2, 'read')")
        #expect(try await kinds(other) == [nil, nil])
        try await change("DELETE FROM repository_permission")
        #expect(try await kinds(other) == [.forbidden, .forbidden])
        try await change("UPDATE repository SET visibility = 'public' WHERE id = 1")
        #expect(try await kinds(.anonymous) == [nil, nil])
        try await change("UPDATE repository SET visibility = 'private' WHERE id = 1")
        #expect(try await kinds(.anonymous) == [.unauthenticated, .unauthenticated])

        #expect(try await kinds(owner) == [nil, nil])
        try await desk.manifests.delete(references[1], in: try await desk.fixture.proof())
        #expect(try await kinds(owner) == [.tagExpired, .manifestUnknown])
        _ = try await desk.pushed("v1")
        #expect(try await kinds(owner) == [nil, nil])
        try await change("UPDATE repository SET state = \(Repository.State.markedForDeletion.rawValue) WHERE id = 1")
        #expect(try await kinds(owner) == [.nameUnknown, .nameUnknown])
    }

    @Test(
        "moves a tag, keeps its history, and pushing the same again changes nothing", arguments: TestDatabase.allEngines
    )
    func movesTags(engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        _ = try await desk.pushed("latest", layer: "one")
        desk.fixture.advance(5)
        let second = try await desk.pushed("latest", layer: "two")
        _ = try await desk.pushed("latest", layer: "two")
        let access = try await desk.fixture.proof()
        #expect(try await desk.manifests.manifest(.tag(try TagName("latest")), in: access).digest == second.digest)
        let rows = try await desk.fixture.database.read {
            try $0.rows("SELECT lifetime_start_ms, lifetime_end_ms FROM tag ORDER BY id").map {
                [try $0.integerIfAny("lifetime_start_ms"), try $0.integerIfAny("lifetime_end_ms")]
            }
        }
        let start: Int64 = 1_700_000_000_000
        #expect(rows == [[start, start + 5000], [start + 5000, nil]])
    }

    @Test(
        "SEC-Cross-tenant object use (IDOR): refuses what it can't hold: unknown blobs, a wrong digest, another repository's blob"
    )
    func refuses() async throws {
        let desk = try await Desk(.sqlite)
        let access = try await desk.fixture.proof()
        let config = try await desk.blob("config")
        let foreign = try await desk.blob("secret", repository: 3)
        let good = desk.image(config: config, layer: try await desk.blob("layer"))
        let tag = ManifestReference.tag(try TagName("x"))
        let cases: [(String, RegistryError.Kind, [UInt8], String?, ManifestReference)] = [
            (
                "unknown blob", .manifestBlobUnknown, desk.image(config: config, layer: Digest(of: [1]).text),
                MediaType.ociImage.text, tag
            ),
            (
                "a blob that only another repository links", .manifestBlobUnknown,
                desk.image(config: config, layer: foreign), MediaType.ociImage.text, tag
            ),
            ("wrong digest", .digestInvalid, good, MediaType.ociImage.text, .digest(Digest(of: [7]))),
            ("wrong type", .manifestInvalid, good, MediaType.dockerImage.text, tag),
            ("no type at all", .manifestInvalid, Array("{}".utf8), nil, tag),
            ("not JSON", .manifestInvalid, Array("hello".utf8), MediaType.ociImage.text, tag),
            ("schema 1", .unsupported, Array(#"{"schemaVersion":1}"#.utf8), MediaType.ociImage.text, tag),
        ]
        for (what, kind, body, type, reference) in cases {
            let got = try await desk.kind {
                _ = try await desk.manifests.put(body, contentType: type, reference: reference, in: access)
            }
            #expect(got == kind, "\(what): \(got.map(String.init(describing:)) ?? "accepted")")
        }
        let reader = try await desk.fixture.proof("owner/app", .read)
        #expect(reader.role == .admin)
        #expect(try await desk.tags.names(in: access, after: nil, limit: 10).names == [])
    }

    @Test("lists names in byte order, by pages", arguments: TestDatabase.allEngines)
    func lists(engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        for tag in ["b", "_x", "a", "B", "a-1", "v1.10", "v1.2"] { _ = try await desk.pushed(tag) }
        let access = try await desk.fixture.proof()
        let all = try await desk.tags.names(in: access, after: nil, limit: 100)
        #expect(all == .init(names: ["B", "_x", "a", "a-1", "b", "v1.10", "v1.2"], hasMore: false))
        #expect(
            try await desk.tags.names(in: access, after: "_x", limit: 2) == .init(names: ["a", "a-1"], hasMore: true))
        #expect(
            try await desk.tags.names(in: access, after: "v1.10", limit: 1) == .init(names: ["v1.2"], hasMore: false))
        #expect(try await desk.tags.names(in: access, after: nil, limit: 0) == .init(names: [], hasMore: false))
    }

    @Test(
        "a deleted tag is expired, an unknown one unknown; a digest goes with its last tag",
        arguments: TestDatabase.allEngines)
    func deletes(engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let stored = try await desk.pushed("one")
        _ = try await desk.pushed("two")
        let access = try await desk.fixture.proof()
        let one = ManifestReference.tag(try TagName("one"))
        desk.fixture.advance(1)
        try await desk.manifests.delete(one, in: access)
        #expect(try await desk.kind { _ = try await desk.manifests.manifest(one, in: access) } == .tagExpired)
        #expect(try await desk.manifests.manifest(.digest(stored.digest), in: access).digest == stored.digest)
        try await desk.manifests.delete(.digest(stored.digest), in: access)
        for gone in [ManifestReference.digest(stored.digest), .tag(try TagName("never"))] {
            #expect(try await desk.kind { _ = try await desk.manifests.manifest(gone, in: access) } == .manifestUnknown)
        }
        let again = try await desk.kind { try await desk.manifests.delete(.digest(stored.digest), in: access) }
        #expect(again == .manifestUnknown)
    }

    @Test(
        "what is pushed by digest stays for an hour, and as long as an index or a subject holds it",
        arguments: TestDatabase.allEngines)
    func keepsWhatIsReachable(engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let access = try await desk.fixture.proof()
        let body = desk.image(config: try await desk.blob("config"), layer: try await desk.blob("layer"))
        let digest = Digest(of: body)
        let child = try await desk.manifests.put(
            body, contentType: MediaType.ociImage.text, reference: .digest(digest), in: access)
        #expect(try await desk.tags.names(in: access, after: nil, limit: 10).names == [])
        let referrer = try await desk.manifests.put(
            desk.image(
                config: try await desk.blobOnce("config"), layer: try await desk.blobOnce("layer"), subject: digest.text
            ),
            contentType: MediaType.ociImage.text,
            reference: .digest(
                Digest(
                    of: desk.image(
                        config: try await desk.blobOnce("config"), layer: try await desk.blobOnce("layer"),
                        subject: digest.text))), in: access)
        desk.fixture.advance(3601)
        #expect(
            try await desk.kind { _ = try await desk.manifests.manifest(.digest(digest), in: access) }
                == .manifestUnknown)

        let index = Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[\
            {"mediaType":"\(MediaType.ociImage)","digest":"\(child.digest)","size":\(child.body.count)}]}
            """.utf8)
        _ = try await desk.manifests.put(
            index, contentType: MediaType.ociIndex.text, reference: .tag(try TagName("multi")), in: access)
        #expect(try await desk.manifests.manifest(.digest(digest), in: access).id == child.id)
        #expect(try await desk.manifests.manifest(.digest(referrer.digest), in: access).id == referrer.id)
    }

    @Test(
        "a build's token moves its own tags while its attempt lives, and nothing else",
        arguments: TestDatabase.allEngines)
    func buildTokens(engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let body = desk.image(config: try await desk.blob("config"), layer: try await desk.blob("layer"))
        let (tokenID, attemptID) = try await desk.fixture.database.write { transaction in
            let build = try transaction.number(
                """
                INSERT INTO build (uuid, repository_id, job_config_json, phase, display_name, started_ms)
                VALUES ('u', 1, '{}', 'building', 'n', 0) RETURNING id
                """)
            let attempt = try transaction.number(
                """
                INSERT INTO build_attempt (build_id, number, manager, queue_item_id, queue_state_id, created_ms,
                    lease_expires_ms, deadline_ms) VALUES (\(build), 1, 'm', 1, 's', 0, 0, 0) RETURNING id
                """)
            let token = try transaction.number(
                """
                INSERT INTO delegate_token (name, secret_cipher, kind, repository_id, role, attempt_id, tags_json, created_ms)
                VALUES ('t', 's', 'build-worker', 1, 'write', \(attempt), '["v1"]', 0) RETURNING id
                """)
            return (token ?? 0, attempt ?? 0)
        }
        let caller = Caller(
            identity: .repositoryToken(
                DelegateGrant(tokenID: tokenID, repositoryID: 1, role: .write, attemptID: attemptID, tags: ["v1"])),
            credential: .delegateToken(id: tokenID))
        let access = try await desk.fixture.proof("owner/app", .write, for: caller)
        func put(_ tag: String) async throws -> RegistryError.Kind? {
            try await desk.kind {
                _ = try await desk.manifests.put(
                    body, contentType: MediaType.ociImage.text, reference: .tag(try TagName(tag)), in: access)
            }
        }
        #expect(try await put("v1") == nil)
        #expect(try await put("latest") == .denied)

        // What is staged is there by its digest, under no name, until the tags move to it.
        let staged = desk.image(
            config: try await desk.blob("staged config"), layer: try await desk.blob("staged layer"))
        let digest = Digest(of: staged)
        let staging = try TagName(StagingTag.name(for: JobKey(buildUUID: UUID().uuidString.lowercased(), attempt: 1)))
        _ = try await desk.manifests.put(
            staged, contentType: MediaType.ociImage.text, reference: .tag(staging), in: access)
        #expect(
            try await desk.kind { _ = try await desk.manifests.manifest(.tag(staging), in: access) } == .manifestUnknown
        )
        #expect(try await desk.manifests.manifest(.tag(try TagName("v1")), in: access).digest == Digest(of: body))
        _ = try await desk.manifests.put(
            staged, contentType: MediaType.ociImage.text, reference: .digest(digest), tags: [try TagName("v1")],
            in: access)
        #expect(try await desk.manifests.manifest(.tag(try TagName("v1")), in: access).digest == digest)
        try await desk.fixture.database.write {
            try $0.run("UPDATE build_attempt SET ended_ms = 1 WHERE id = \(attemptID)")
        }
        #expect(try await put("v1") == .denied)

        // What the attempt has made, and who is told: staging is nobody's business, refused pushes never happened.
        let (images, events) = try await desk.fixture.database.read { transaction in
            (
                try BuildImageStore.images(ofAttempt: attemptID, in: transaction),
                try EventStore.events(after: 0, limit: 10, in: transaction)
            )
        }
        let config = Digest(of: Array("staged config".utf8)).text
        #expect(images == ["v1": .init(manifestDigest: digest.text, imageID: config)])
        #expect(events.map(\.kind) == [.repositoryPush, .repositoryPush])
        #expect(events.map(\.dataJSON) == Array(repeating: #"{"updated_tags":["v1"]}"#, count: 2))
    }
}
