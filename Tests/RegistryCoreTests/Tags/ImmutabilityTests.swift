import Domain
import Foundation
import OCI
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Immutable tags") struct ImmutabilityTests {
    /// A room in which `v1` is protected, by its mark or by a policy.
    private func protected(_ engine: TestDatabase.Engine, byPolicy: Bool) async throws -> (TagRoom, Digest) {
        let room = try await TagRoom(engine)
        let digest = try await room.push("v1", "one")
        if byPolicy {
            _ = try await room.registry.immutability.add(TagPattern("v?"), in: room.proof())
        } else {
            try await room.registry.tags.change(TagName("v1"), .init(isImmutable: true), in: room.writer())
        }
        return (room, digest)
    }

    @Test(
        "can't be moved, deleted, restored over or let expire, by tag or by digest; the same image again is fine",
        arguments: TestDatabase.allEngines, [false, true])
    func holds(_ engine: TestDatabase.Engine, _ byPolicy: Bool) async throws {
        let (room, digest) = try await protected(engine, byPolicy: byPolicy)
        let access = try await room.proof()
        let other = try await room.push("other", "two")
        try await room.push("alias", "one")
        let (tags, manifests, v1) = (room.registry.tags, room.registry.manifests, try TagName("v1"))
        let tries: [(String, () async throws -> Void)] = [
            ("push", { try await room.push("v1", "two") }),
            ("move", { try await tags.change(v1, .init(manifest: other), in: access) }),
            ("restore", { try await tags.restore(v1, to: other, in: access) }),
            ("expire", { try await tags.change(v1, .init(expiration: .at(room.fixture.now + 7200)), in: access) }),
            ("delete", { try await tags.delete(v1, in: access) }),
            ("delete over /v2", { try await manifests.delete(.tag(v1), in: access) }),
            // The alias is free, but the image is not: nothing of the call happens.
            ("delete the digest", { try await manifests.delete(.digest(digest), in: access) }),
        ]
        for (what, body) in tries { #expect(try await room.kind(body) == .tagImmutable, "\(what)") }
        try await room.push("v1", "one")
        #expect(try await room.tag("v1")?.digest == digest)
        #expect(try await room.tag("alias")?.digest == digest)
        let line = try #require(
            try await room.lines(.init(.exactly(v1), isAliveOnly: true)).first)
        #expect(line.isImmutable)
    }

    @Test("a push of several tags moves none when one of them is immutable", arguments: TestDatabase.allEngines)
    func severalTags(_ engine: TestDatabase.Engine) async throws {
        let (room, _) = try await protected(engine, byPolicy: true)
        let access = try await room.proof()
        let body = try await room.image("two", in: access)
        let kind = try await room.kind {
            _ = try await room.registry.manifests.put(
                body, contentType: MediaType.ociImage.text, reference: .digest(Digest(of: body)),
                tags: [try TagName("latest"), try TagName("v1")], in: access)
        }
        #expect(kind == .tagImmutable)
        #expect(try await room.tag("latest") == nil)
    }

    @Test("SEC-Authorisation slips: who writes may protect a tag, only an administrator may unprotect it")
    func whoMay() async throws {
        let (room, _) = try await protected(.sqlite, byPolicy: false)
        let (tags, v1) = (room.registry.tags, try TagName("v1"))
        let writer = try await room.writer()
        #expect(
            try await room.kind { try await tags.change(v1, .init(isImmutable: false), in: writer) } == .forbidden)
        #expect(
            try await room.kind { _ = try await room.registry.immutability.add(TagPattern("*"), in: writer) }
                == .forbidden)
        let admin = try await room.proof()
        // One call takes the protection away, and then moves.
        try await room.push("x", "two")
        let two = try #require(try await room.tag("x")?.digest)
        try await tags.change(v1, .init(manifest: two, isImmutable: false), in: admin)
        #expect(try await room.tag("v1")?.digest == two)
        let policy = try await room.registry.immutability.add(TagPattern("v1"), in: admin)
        // A policy is not overridden tag by tag.
        #expect(
            try await room.kind { try await tags.change(v1, .init(isImmutable: false), in: admin) } == .tagImmutable)
        #expect(
            try await room.kind { try await room.registry.immutability.remove(policy.uuid, in: writer) } == .forbidden)
        try await room.registry.immutability.remove(policy.uuid, in: admin)
        try await tags.delete(v1, in: writer)
        #expect(
            try await room.log() == [
                "change_tag_immutability immutable=true tag=v1", "change_tag_immutability immutable=false tag=v1",
                "move_tag manifest_digest=\(two.text.prefix(19)) original_manifest_digest=\(try await Self.first(room)) tag=v1",
                "create_immutability_policy tag_pattern=v1", "delete_immutability_policy tag_pattern=v1",
                "delete_tag tag=v1",
            ])
    }

    private static func first(_ room: TagRoom) async throws -> Substring {
        try await room.lines(.init(.exactly(TagName("v1")))).last?.entry.digest.text.prefix(19) ?? ""
    }

    @Test("SEC-Authorisation slips: a build's token can't move an immutable tag that it was started for")
    func builds() async throws {
        let (room, digest) = try await protected(.sqlite, byPolicy: false)
        let tokenID = try await room.database.write { transaction in
            try transaction.number(
                """
                INSERT INTO delegate_token (name, secret_cipher, kind, repository_id, role, tags_json, created_ms)
                VALUES ('t', 's', 'build-worker', 1, 'write', '["v1"]', 0) RETURNING id
                """) ?? 0
        }
        let caller = Caller(
            identity: .repositoryToken(
                DelegateGrant(tokenID: tokenID, repositoryID: 1, role: .write, attemptID: nil, tags: ["v1"])),
            credential: .delegateToken(id: tokenID))
        let access = try await room.proof("owner/app", .write, for: caller)
        let body = try await room.image("two", in: access)
        #expect(try await room.kind { try await room.push("v1", body, in: access) } == .tagImmutable)
        #expect(try await room.tag("v1")?.digest == digest)
    }

    @Test("a policy protects what is pushed later, once, and lets no label make it expire")
    func policies() async throws {
        let room = try await TagRoom()
        let admin = try await room.proof()
        let immutability = room.registry.immutability
        let policy = try await immutability.add(TagPattern("v*"), in: admin)
        #expect(try await immutability.policies(in: admin) == [policy])
        #expect(
            try await room.kind { _ = try await immutability.add(TagPattern("v*"), in: admin) } == .invalidRequest)
        try await room.push("v1", "one", labels: [ExpiryLabel.key: "1h"])
        try await room.push("x1", "one", labels: [ExpiryLabel.key: "1h"])
        #expect(try await room.lifetime("v1") == nil)
        #expect(try await room.lifetime("x1") == 3600)
        #expect(try await room.kind { try await room.push("v1", "two") } == .tagImmutable)
        for number in 1..<ImmutabilityService.maximumPolicies {
            _ = try await immutability.add(TagPattern("p\(number)"), in: admin)
        }
        #expect(
            try await room.kind { _ = try await immutability.add(TagPattern("more"), in: admin) } == .invalidRequest)
    }

    @Test("SEC-Cross-tenant object use (IDOR): a policy of another repository is neither shown nor removed")
    func foreignPolicy() async throws {
        let room = try await TagRoom()
        let immutability = room.registry.immutability
        let policy = try await immutability.add(TagPattern("v*"), in: room.proof("other/app"))
        let mine = try await room.proof()
        #expect(try await immutability.policies(in: mine).isEmpty)
        #expect(try await room.kind { _ = try await immutability.policy(policy.uuid, in: mine) } == .notFound)
        #expect(try await room.kind { try await immutability.remove(policy.uuid, in: mine) } == .notFound)
        #expect(try await immutability.policies(in: room.proof("other/app")) == [policy])
    }
}
