import Domain
import Foundation
import OCI
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Labels of manifests") struct LabelServiceTests {
    private func new(_ key: String, _ value: String = "v") throws -> LabelService.NewLabel {
        .init(key: try LabelKey(key), value: value, mediaType: .text)
    }

    @Test(
        "an image's labels come along with it, its JSON values as JSON; odd keys are kept as they are",
        arguments: TestDatabase.allEngines)
    func imported(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let labels = [
            "b": #"{"a":1}"#, "a": "text", "Odd Key": "[", "nul": "a\u{0}b", "": "empty", "q": "[1]",
        ]
        let digest = try await room.push("v1", "one", labels: labels)
        let found = try await room.registry.labels.labels(of: digest, in: room.proof())
        #expect(found.map(\.key) == ["Odd Key", "a", "b", "q"])
        #expect(found.map(\.mediaType) == [.text, .text, .json, .json])
        #expect(found.allSatisfy { $0.source == .manifest })
        // The same image again brings nothing new.
        try await room.push("v2", "one", labels: labels)
        #expect(try await room.registry.labels.labels(of: digest, in: room.proof()).count == 4)
        let some = try await room.registry.labels.labels(
            of: digest, keysBeginningWith: "O", in: room.proof())
        #expect(some.map(\.key) == ["Odd Key"])
    }

    @Test(
        "a label of the image says how long its tags live, whenever a tag begins to point at it",
        arguments: TestDatabase.allEngines)
    func expiry(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let digest = try await room.push("v1", "one", labels: [ExpiryLabel.key: "2d"])
        #expect(try await room.lifetime("v1") == 172_800)
        // Once it stands in the repository, the label counts like on the first push.
        room.fixture.advance(100)
        try await room.push("v2", "one", labels: [ExpiryLabel.key: "2d"])
        #expect(try await room.lifetime("v2") == 172_800)
        let access = try await room.proof()
        try await room.registry.tags.change(TagName("v3"), .init(manifest: digest), in: access)
        #expect(try await room.lifetime("v3") == 172_800)
        // Outside of the limits for people: an image may ask for a minute.
        try await room.push("short", "two", labels: [ExpiryLabel.key: "60s"])
        #expect(try await room.lifetime("short") == 60)
        try await room.push("odd", "three", labels: [ExpiryLabel.key: "soon"])
        #expect(try await room.lifetime("odd") == nil)
        // What somebody has set stays when the same image comes again.
        try await room.registry.tags.change(TagName("v1"), .init(expiration: .never), in: access)
        try await room.push("v1", "one", labels: [ExpiryLabel.key: "2d"])
        #expect(try await room.lifetime("v1") == nil)
        // A restore is a new beginning.
        room.fixture.advance(200_000)
        try await room.registry.tags.restore(TagName("v2"), to: digest, in: access)
        #expect(try await room.lifetime("v2") == 172_800)
    }

    @Test("an index has the labels that all its images share; attestations don't count")
    func index() async throws {
        let room = try await TagRoom()
        let one = try await room.push(nil, "one", labels: ["a": "1", "b": "2", ExpiryLabel.key: "3h"])
        let two = try await room.push(nil, "two", labels: ["a": "1", "b": "3", ExpiryLabel.key: "3h"])
        let proof = try await room.push(nil, "attestation")
        let index = try await room.pushIndex("multi", [one, two], attestations: [proof])
        let labels = try await room.registry.labels.labels(of: index, in: room.proof())
        #expect(labels.map(\.key) == ["a", ExpiryLabel.key])
        #expect(try await room.lifetime("multi") == 10_800)
        let three = try await room.push(nil, "three", labels: ["a": "1"])
        _ = try await room.pushIndex("other", [one, three])
        #expect(try await room.lifetime("other") == nil)
    }

    @Test(
        "SEC-Resource exhaustion: a configuration that is huge, broken or missing has no labels, and the push succeeds",
        arguments: ["{", "[]", #"{"config":{"Labels":{"a":1}}}"#, #"{"config":7}"#, "large"])
    func brokenConfigs(_ text: String) async throws {
        let room = try await TagRoom()
        let access = try await room.proof()
        let config =
            text == "large"
            ? #"{"config":{"Labels":{"quay.expires-after":"1h","x":""#
                + String(repeating: "x", count: 1_048_576) + "\"}}}"
            : text
        let digest = try await room.push(
            "v1", try await room.image("one", config: config, in: access), in: access)
        #expect(try await room.registry.labels.labels(of: digest, in: access).isEmpty)
        #expect(try await room.lifetime("v1") == nil)
    }

    @Test("SEC-Resource exhaustion: an image keeps only its first thousand labels") func manyLabels()
        async throws
    {
        let room = try await TagRoom()
        let labels = Dictionary(
            uniqueKeysWithValues: (0..<2000).map { (String(format: "k%04d", $0), "v") })
        let digest = try await room.push("v1", "one", labels: labels)
        let found = try await room.registry.labels.labels(of: digest, in: room.proof())
        #expect(found.count == ImageLabels.maximumLabels)
        #expect(found.last?.key == "k1023")
    }

    @Test(
        "labels are added and removed, with their lines; an image's own can't be removed",
        arguments: TestDatabase.allEngines)
    func addAndRemove(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let labels = room.registry.labels
        let digest = try await room.push("v1", "one", labels: ["own": "1"])
        let access = try await room.writer()
        let first = try await labels.add(new("team", "a"), to: digest, in: access)
        _ = try await labels.add(new("team", "b"), to: digest, in: access)
        #expect(try await labels.labels(of: digest, in: access).map(\.value) == ["1", "a", "b"])
        #expect(try await labels.label(first.uuid, of: digest, in: access) == first)
        try await labels.remove(first.uuid, from: digest, in: access)
        #expect(
            try await room.kind { try await labels.remove(first.uuid, from: digest, in: access) }
                == .notFound)
        let own = try #require(try await labels.labels(of: digest, in: access).first)
        #expect(
            try await room.kind { try await labels.remove(own.uuid, from: digest, in: access) }
                == .invalidRequest)
        #expect(
            try await room.kind { _ = try await labels.add(new("x", "a\u{0}"), to: digest, in: access) }
                == .invalidRequest)
        let log = try await room.log()
        #expect(
            log.map { $0.prefix { $0 != " " } } == [
                "manifest_label_add", "manifest_label_add", "manifest_label_delete",
            ])
        #expect(
            log[0].contains("key=team") && log[0].contains("value=a")
                && log[0].contains("media_type=text/plain"))
        let reader = try await room.proof(
            "owner/app", .read, for: room.fixture.caller(scopes: .only([.repositoryRead])))
        #expect(
            try await room.kind { _ = try await labels.add(new("x"), to: digest, in: reader) }
                == .forbidden)
    }

    @Test(
        "SEC-Cross-tenant object use (IDOR): a label or a manifest of somebody else's is refused, also with one's own digest"
    )
    func foreign() async throws {
        let room = try await TagRoom()
        let labels = room.registry.labels
        let (mine, theirs) = (try await room.proof(), try await room.proof("other/app"))
        // The same image in both repositories has labels of its own in each.
        let digest = try await room.push("v1", try await room.image("one", in: theirs), in: theirs)
        try await room.push("v1", try await room.image("one", in: mine), in: mine)
        let only = try await room.push("v2", try await room.image("two", in: theirs), in: theirs)
        let label = try await labels.add(new("team"), to: digest, in: theirs)
        #expect(try await labels.labels(of: digest, in: mine).isEmpty)
        #expect(
            try await room.kind { _ = try await labels.label(label.uuid, of: digest, in: mine) }
                == .notFound)
        #expect(
            try await room.kind { try await labels.remove(label.uuid, from: digest, in: mine) }
                == .notFound)
        #expect(
            try await room.kind { _ = try await labels.add(new("x"), to: only, in: mine) } == .notFound)
        #expect(try await room.kind { _ = try await labels.labels(of: only, in: mine) } == .notFound)
        // Another manifest of the same repository is no way to it either.
        #expect(
            try await room.kind { _ = try await labels.label(label.uuid, of: only, in: theirs) }
                == .notFound)
        #expect(try await labels.label(label.uuid, of: digest, in: theirs) == label)
    }
}
