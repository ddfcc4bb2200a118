import Domain
import Foundation
import OCI
import RegistryCore
import SQL
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Tags over HTTP") struct TagAPITests {
    @Test("a list has the members that clients know", arguments: TestDatabase.allEngines)
    func shape(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TagSite(engine)
        let digest = try await desk.push("v1", "layer", labels: ["quay.expires-after": "1h"])
        let answer = try await desk.site.send(.get, desk.path + "/tag/", as: desk.token)
        #expect(answer.status == 200)
        #expect(
            answer.json == [
                "page": 1, "has_additional": false,
                "tags": [
                    [
                        "name": "v1", "reversion": false, "start_ts": 1_700_000_000, "end_ts": 1_700_003_600,
                        "manifest_digest": .string(digest.text), "is_manifest_list": false, "size": 5,
                        "last_modified": "Tue, 14 Nov 2023 22:13:20 -0000",
                        "expiration": "Tue, 14 Nov 2023 23:13:20 -0000", "immutable": false,
                    ]
                ],
            ])
        let shown = try await desk.site.send(.get, desk.path, as: desk.token)
        #expect(
            shown.json["tags"] == [
                "v1": [
                    "name": "v1", "size": 5, "manifest_digest": .string(digest.text),
                    "last_modified": "Tue, 14 Nov 2023 22:13:20 -0000",
                    "expiration": "Tue, 14 Nov 2023 23:13:20 -0000",
                ]
            ])
        #expect(
            try await desk.site.send(.get, desk.path + "?includeTags=false", as: desk.token).json["tags"]
                == nil)
    }

    @Test(
        "create, move, expire, protect, delete, restore: the answers and their codes",
        arguments: TestDatabase.allEngines)
    func life(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TagSite(engine)
        let one = try await desk.push("v1", "one")
        let two = try await desk.push("v2", "two")
        let tag = desk.path + "/tag/stable"
        func send(_ method: WebRequest.Method, _ path: String, _ body: String? = nil) async throws
            -> SiteFixture.Answer
        {
            try await desk.site.send(method, path, body, as: desk.token)
        }
        for digest in [one, two] {
            let answer = try await send(.put, tag, #"{"manifest_digest":"\#(digest)"}"#)
            #expect(answer.status == 201)
            #expect(answer.text == "\"Updated\"")
        }
        #expect(try await send(.put, tag, #"{"expiration":1700007200}"#).status == 201)
        let line = try await send(.get, desk.path + "/tag/?specificTag=stable&onlyActiveTags=true")
        #expect(line.json["tags"]?.array?.first?["end_ts"] == 1_700_007_200)
        #expect(try await send(.put, tag, #"{"expiration":1700007200.5}"#).status == 201)
        #expect(try await send(.put, tag, #"{"expiration":null,"immutable":true}"#).status == 201)
        let refused = try await send(.put, tag, #"{"manifest_digest":"\#(one)"}"#)
        #expect(refused.status == 409)
        #expect(refused.json["error_type"] == "tag_immutable")
        #expect(try await send(.delete, tag).status == 409)
        #expect(
            try await send(.post, tag + "/restore", #"{"manifest_digest":"\#(one)"}"#).status == 409)
        #expect(try await send(.put, tag, #"{"immutable":false}"#).status == 201)
        #expect(try await send(.delete, tag).status == 204)
        #expect(try await send(.delete, tag).status == 404)
        let restored = try await send(.post, tag + "/restore", #"{"manifest_digest":"\#(one)"}"#)
        #expect(restored.status == 200 && restored.json == [:])
        let history = try await send(.get, desk.path + "/tag/?specificTag=stable")
        #expect(history.json["tags"]?.array?.map { $0["reversion"] } == [true, false, false])
        #expect(try await desk.names("?onlyActiveTags=true") == ["stable", "v1", "v2"])
    }

    @Test(
        "what a stranger can send gets a clear error",
        arguments: [
            (.put, "/tag/-bad", #"{"manifest_digest":"x"}"#, 400), (.put, "/tag/a%20b", "{}", 400),
            (.put, "/tag/" + String(repeating: "a", count: 129), "{}", 400),
            (.put, "/tag/none", #"{"expiration":null}"#, 404),
            (.put, "/tag/v1", #"{"manifest_digest":"sha256:12"}"#, 400),
            (.put, "/tag/v1", #"{"manifest_digest":7}"#, 400),
            (.put, "/tag/v1", #"{"expiration":"soon"}"#, 400),
            (.put, "/tag/v1", #"{"expiration":1}"#, 400),
            (.put, "/tag/v1", #"{"expiration":-1e300}"#, 400),
            (.put, "/tag/v1", #"{"expiration":1e300}"#, 201),
            (.put, "/tag/v1", #"{"expiration":9223372036854775807}"#, 201),
            (.put, "/tag/v1", #"{"immutable":"yes"}"#, 400),
            (.put, "/tag/v1", "[]", 400), (.put, "/tag/v1", nil, 400), (.put, "/tag/v1", "{}", 201),
            (.post, "/tag/v1/restore", "{}", 400),
            (.post, "/tag/v1/restore", #"{"manifest_digest":"latest"}"#, 400),
            (
                .post, "/tag/v1/restore",
                #"{"manifest_digest":"sha256:\#(String(repeating: "0", count: 64))"}"#, 404
            ),
            (.get, "/tag/?page=x", nil, 400), (.get, "/tag/?page=-5&limit=-5", nil, 200),
            (.get, "/tag/?page=9223372036854775807&limit=100", nil, 200),
            (.get, "/tag/?limit=100000", nil, 200),
            (.get, "/tag/?filter_tag_name=v1", nil, 400), (.get, "/tag/?filter_tag_name=re:v", nil, 400),
            (.get, "/tag/?filter_tag_name=like:%00", nil, 200), (.get, "/tag/?specificTag=%00", nil, 200),
            (.get, "/tag/?next_page=invented", nil, 200),
            (.post, "/immutabilitypolicy/", #"{"tagPattern":".*"}"#, 400),
            (.post, "/immutabilitypolicy/", "{}", 400),
            (.post, "/immutabilitypolicy/", #"{"tagPattern":"v*","tagPatternMatches":false}"#, 400),
            (.get, "/immutabilitypolicy/none", nil, 404), (.delete, "/immutabilitypolicy/none", nil, 404),
        ] as [(WebRequest.Method, String, String?, Int)])
    func badInput(_ method: WebRequest.Method, _ path: String, _ body: String?, _ status: Int)
        async throws
    {
        let desk = try await TagSite()
        try await desk.push("v1", "one")
        let answer = try await desk.site.send(method, desk.path + path, body, as: desk.token)
        #expect(answer.status == status, "\(answer.text)")
    }

    @Test(
        "filters by name: parts, whole names, and never by pattern", arguments: TestDatabase.allEngines)
    func filters(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TagSite(engine)
        for tag in ["a_b", "axb", "v1", "v1.2"] { try await desk.push(tag, "one") }
        for (query, expected) in [
            ("?filter_tag_name=like:a_b", ["a_b"]), ("?filter_tag_name=like:a%25b", []),
            ("?filter_tag_name=like:V1", ["v1", "v1.2"]), ("?filter_tag_name=eq:v1", ["v1"]),
            ("?filter_tag_name=eq:v%25", []), ("?filter_tag_name=like:", ["a_b", "axb", "v1", "v1.2"]),
            ("?specificTag=v1", ["v1"]), ("?specificTag=v_", []),
        ] as [(String, [String])] {
            #expect(try await desk.names(query) == expected, "\(query)")
        }
    }

    @Test("pages by number and by token meet the same rows") func pages() async throws {
        let desk = try await TagSite()
        for tag in 0..<7 { try await desk.push("t\(tag)", "one") }
        #expect(try await desk.names("?limit=3&page=2") == ["t3", "t4", "t5"])
        let first = try await desk.site.send(.get, desk.path + "/tag/?limit=3", as: desk.token)
        #expect(first.json["has_additional"] == true)
        var next = first.json["next_page"]?.string
        var found: [String] = []
        while let token = next {
            let page = try await desk.site.send(
                .get, desk.path + "/tag/?limit=3&next_page=\(token)", as: desk.token)
            found += (page.json["tags"]?.array ?? []).compactMap { $0["name"]?.string }
            next = page.json["next_page"]?.string
        }
        #expect(found == ["t3", "t4", "t5", "t6"])
    }

    @Test(
        "immutability policies are made, shown and removed; a reader sees them",
        arguments: TestDatabase.allEngines)
    func policies(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TagSite(engine)
        let path = desk.path + "/immutabilitypolicy/"
        try await desk.push("v1", "one")
        let made = try await desk.site.send(
            .post, path, #"{"tagPattern":"v*","tagPatternMatches":true}"#, as: desk.token)
        #expect(made.status == 201)
        let uuid = try #require(made.json["uuid"]?.string)
        let policy: RegistryLite.JSONValue = ["uuid": .string(uuid), "tagPattern": "v*"]
        #expect(try await desk.site.send(.get, path, as: desk.token).json == ["policies": [policy]])
        #expect(try await desk.site.send(.get, path + uuid, as: desk.token).json == policy)
        #expect(try await desk.site.send(.delete, desk.path + "/tag/v1", as: desk.token).status == 409)
        #expect(try await desk.site.send(.delete, path + uuid, as: desk.token).status == 204)
        #expect(try await desk.site.send(.delete, desk.path + "/tag/v1", as: desk.token).status == 204)
    }

    @Test("a repository that takes no changes says so, in Quay's words") func readOnly() async throws {
        let desk = try await TagSite()
        try await desk.push("v1", "one")
        try await desk.site.database.write { try $0.run("UPDATE repository SET state = 1") }
        let answer = try await desk.site.send(.delete, desk.path + "/tag/v1", as: desk.token)
        #expect(answer.status == 503)
        #expect(answer.json["message"] == "Repository is in read only or mirror mode: READ_ONLY")
    }

    @Test(
        "the time machine of users and organizations is read and chosen",
        arguments: TestDatabase.allEngines)
    func timeMachine(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TagSite(engine)
        _ = try await desk.site.send(
            .post, "/api/v1/organization/", #"{"name":"acme"}"#, as: desk.token)
        for path in ["/api/v1/user/", "/api/v1/organization/acme"] {
            #expect(
                try await desk.site.send(.get, path, as: desk.token).json["tag_expiration_s"] == 1_209_600)
            let changed = try await desk.site.send(
                .put, path, #"{"tag_expiration_s":86400}"#, as: desk.token)
            #expect(changed.status == 200)
            #expect(changed.json["tag_expiration_s"] == 86_400)
            for (body, message) in [
                (#"{"tag_expiration_s":86401}"#, "Invalid tag expiration option"),
                (#"{"tag_expiration_s":9223372036854775807}"#, "Invalid tag expiration option"),
                (#"{"tag_expiration_s":-1}"#, "-1 is less than the minimum of 0 (tag_expiration_s)"),
                (#"{"email":"new@example.com"}"#, "email can't be changed by this registry."),
            ] {
                let refused = try await desk.site.send(.put, path, body, as: desk.token)
                #expect(refused.status == 400)
                #expect(refused.json["message"]?.string == message)
            }
        }
        #expect(
            try await desk.site.send(.get, desk.path, as: desk.token).json["tag_expiration_s"] == 86_400)
        #expect(
            try await desk.site.send(
                .put, "/api/v1/organization/alice", #"{"tag_expiration_s":0}"#, as: desk.token
            )
            .status == 404)
    }
}
