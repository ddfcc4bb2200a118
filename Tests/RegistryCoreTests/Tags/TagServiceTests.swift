import Domain
import Foundation
import OCI
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Changing tags") struct TagServiceTests {
    private func name(_ text: String) throws -> TagName { try TagName(text) }

    @Test("a tag is made, moved, deleted and restored, each with its line", arguments: TestDatabase.allEngines)
    func life(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let (tags, access) = (room.registry.tags, try await room.writer())
        let one = try await room.push("v1", "one")
        let two = try await room.push("v2", "two")
        room.fixture.advance(1)
        try await tags.change(try name("stable"), .init(manifest: one), in: access)
        room.fixture.advance(1)
        try await tags.change(try name("stable"), .init(manifest: two), in: access)
        // The same again is no move.
        try await tags.change(try name("stable"), .init(manifest: two), in: access)
        room.fixture.advance(1)
        try await tags.delete(try name("stable"), in: access)
        #expect(try await room.tag("stable") == nil)
        room.fixture.advance(1)
        try await tags.restore(try name("stable"), to: one, in: access)
        try await tags.restore(try name("stable"), to: one, in: access)
        #expect(try await room.tag("stable")?.digest == one)

        let lines = try await room.lines(.init(.exactly(try name("stable"))))
        let start = room.fixture.now - 4
        #expect(lines.map(\.entry.digest) == [one, two, one])
        #expect(lines.map(\.entry.isReversion) == [true, false, false])
        #expect(
            lines.map(\.entry.lifetime) == [
                TagLifetime(start: start + 4), TagLifetime(start: start + 2, end: start + 3),
                TagLifetime(start: start + 1, end: start + 2),
            ])
        #expect(
            try await room.log() == [
                "create_tag manifest_digest=\(one.text.prefix(19)) tag=stable",
                "move_tag manifest_digest=\(two.text.prefix(19)) original_manifest_digest=\(one.text.prefix(19)) tag=stable",
                "delete_tag tag=stable", "revert_tag manifest_digest=\(one.text.prefix(19)) tag=stable",
            ])
    }

    @Test(
        "a removed manifest can be restored but not tagged anew, and an unknown one neither",
        arguments: TestDatabase.allEngines)
    func removed(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let (tags, access) = (room.registry.tags, try await room.writer())
        let digest = try await room.push("v1", "one")
        try await tags.delete(try name("v1"), in: access)
        #expect(
            try await room.kind { try await tags.change(try name("x"), .init(manifest: digest), in: access) }
                == .notFound)
        let unknown = Digest(of: [1])
        #expect(
            try await room.kind { try await tags.change(try name("x"), .init(manifest: unknown), in: access) }
                == .notFound)
        #expect(
            try await room.kind { try await tags.restore(try name("x"), to: unknown, in: access) } == .notFound)
        #expect(try await room.kind { try await tags.delete(try name("x"), in: access) } == .notFound)
        #expect(try await room.kind { try await tags.delete(try name("v1"), in: access) } == .notFound)
        try await tags.restore(try name("v1"), to: digest, in: access)
        #expect(try await room.tag("v1")?.digest == digest)
    }

    @Test(
        "an expiry is clamped from the tag's start, cleared, and forgotten when the tag moves",
        arguments: TestDatabase.allEngines)
    func expiry(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let (tags, access) = (room.registry.tags, try await room.writer())
        try await room.push("v1", "one")
        let v1 = try name("v1")
        for (asked, seconds) in [(7200.0, 7200.0), (10, 3600), (1e11, 62_899_200)] {
            try await tags.change(v1, .init(expiration: .at(room.fixture.now + asked)), in: access)
            #expect(try await room.lifetime("v1") == seconds)
        }
        // The same image again keeps what somebody has set.
        try await room.push("v1", "one")
        #expect(try await room.lifetime("v1") == 62_899_200)
        try await tags.change(v1, .init(expiration: .never), in: access)
        #expect(try await room.lifetime("v1") == nil)
        #expect(try await room.tag("v1") != nil)
        try await tags.change(v1, .init(expiration: .at(room.fixture.now + 7200)), in: access)
        try await room.push("v1", "two")
        #expect(try await room.lifetime("v1") == nil)
        for bad in [0.0, -1, -1e12] {
            let kind = try await room.kind {
                try await tags.change(v1, .init(expiration: .at(room.fixture.now + bad)), in: access)
            }
            #expect(kind == .invalidRequest)
        }
        let missing = try await room.kind {
            try await tags.change(try name("none"), .init(expiration: .never), in: access)
        }
        #expect(missing == .notFound)
        let log = try await room.log()
        #expect(log.count == 5)
        #expect(log[1] == "change_tag_expiration expiration_date=1700003600 old_expiration_date=1700007200 tag=v1")
    }

    @Test("an expired tag is gone at its moment, and can be restored", arguments: TestDatabase.allEngines)
    func expires(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let (tags, access) = (room.registry.tags, try await room.writer())
        let digest = try await room.push("v1", "one")
        try await tags.change(try name("v1"), .init(expiration: .at(room.fixture.now + 3600)), in: access)
        room.fixture.advance(3599.999)
        #expect(try await tags.names(in: access, after: nil, limit: 10).names == ["v1"])
        room.fixture.advance(0.001)
        #expect(try await tags.names(in: access, after: nil, limit: 10).names == [])
        #expect(
            try await room.kind {
                _ = try await room.registry.manifests.manifest(.tag(try name("v1")), in: access)
            } == .tagExpired)
        #expect(
            try await room.kind { try await tags.change(try name("v1"), .init(expiration: .never), in: access) }
                == .notFound)
        try await tags.restore(try name("v1"), to: digest, in: access)
        #expect(try await room.tag("v1")?.digest == digest)
        #expect(try await room.lines().map(\.entry.isCurrent) == [true, false])
    }

    @Test("one call makes a tag that expires, or one that is immutable", arguments: TestDatabase.allEngines)
    func together(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let (tags, access) = (room.registry.tags, try await room.writer())
        let digest = try await room.push("v1", "one")
        let later = room.fixture.now + 7200
        try await tags.change(try name("a"), .init(manifest: digest, expiration: .at(later)), in: access)
        #expect(try await room.lifetime("a") == 7200)
        try await tags.change(try name("b"), .init(manifest: digest, isImmutable: true), in: access)
        #expect(try await room.tag("b")?.isImmutable == true)
        // All of it or nothing.
        let refused = try await room.kind {
            try await tags.change(
                try name("c"), .init(manifest: digest, expiration: .at(later), isImmutable: true), in: access)
        }
        #expect(refused == .invalidRequest)
        #expect(try await room.tag("c") == nil)
    }

    @Test(
        "many who move one tag at once leave one alive row and a history without gaps",
        arguments: TestDatabase.allEngines)
    func races(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let access = try await room.writer()
        let digests = [
            try await room.push("a", "one"), try await room.push("b", "two"), try await room.push("c", "three"),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                group.addTask {
                    try await room.registry.tags.change(
                        TagName("latest"), .init(manifest: digests[number % 3]), in: access)
                }
            }
            try await group.waitForAll()
        }
        let rows = try await room.lines(.init(.exactly(name("latest")))).map(\.entry)
        #expect(rows.filter(\.isCurrent).count == 1)
        #expect(rows.filter { $0.lifetime.end == nil }.map(\.id) == rows.filter(\.isCurrent).map(\.id))
        // Newest first: each row ends where the next one began, and no two neighbours are the same image.
        let oldestFirst = rows.sorted { $0.id < $1.id }
        for (row, next) in zip(oldestFirst, oldestFirst.dropFirst()) {
            #expect(row.lifetime.end == next.lifetime.start)
            #expect(row.digest != next.digest)
        }
    }

    @Test("what was deleted piece by piece is whole again after a restore", arguments: TestDatabase.allEngines)
    func restoresWhole(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let access = try await room.proof()
        let digest = try await room.push("v1", "one")
        try await room.registry.manifests.delete(.digest(digest), in: access)
        let layer = Digest(of: Array("one".utf8))
        try await room.registry.blobRemoval.delete(layer, in: access)
        #expect(try await room.kind { _ = try await room.registry.blobs.find(layer, in: access) } == .blobUnknown)
        try await room.registry.tags.restore(name("v1"), to: digest, in: access)
        #expect(try await room.registry.manifests.manifest(.digest(digest), in: access).digest == digest)
        #expect(try await room.registry.blobs.find(layer, in: access).digest == layer)
    }

    @Test(
        "SEC-Cross-tenant object use (IDOR): a digest that only another repository has can't be tagged or restored here",
        arguments: TestDatabase.allEngines)
    func foreignDigest(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let theirs = try await room.proof("other/app")
        let digest = try await room.push("v1", try await room.image("theirs", in: theirs), in: theirs)
        let (tags, access) = (room.registry.tags, try await room.proof())
        for body in [
            { try await tags.change(try TagName("v1"), .init(manifest: digest), in: access) },
            { try await tags.restore(try TagName("v1"), to: digest, in: access) },
        ] as [() async throws -> Void] {
            #expect(try await room.kind(body) == .notFound)
        }
    }

    @Test("a reader changes nothing, and a read-only repository takes no change") func refuses() async throws {
        let room = try await TagRoom()
        let digest = try await room.push("v1", "one")
        let writer = try await room.writer()
        let reader = try await room.proof(
            "owner/app", .read, for: room.fixture.caller(scopes: .only([.repositoryRead])))
        let tags = room.registry.tags
        func kinds(_ access: RepositoryAccess) async throws -> [RegistryError.Kind?] {
            [
                try await room.kind { try await tags.change(try name("x"), .init(manifest: digest), in: access) },
                try await room.kind { try await tags.delete(try name("v1"), in: access) },
                try await room.kind { try await tags.restore(try name("x"), to: digest, in: access) },
            ]
        }
        #expect(try await kinds(reader) == [.forbidden, .forbidden, .forbidden])
        try await room.database.write {
            try $0.run("UPDATE repository SET state = \(Repository.State.readOnly.rawValue) WHERE id = 1")
        }
        #expect(try await kinds(writer) == [.readOnly, .readOnly, .readOnly])
    }
}
