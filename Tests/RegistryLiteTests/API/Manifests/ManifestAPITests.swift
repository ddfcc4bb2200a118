import Domain
import Foundation
import OCI
import RegistryCore
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Manifests and labels over HTTP") struct ManifestAPITests {
    @Test("a manifest is shown with its bytes and its layers", arguments: TestDatabase.allEngines)
    func shape(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TagSite(engine)
        let history = #"""
            [{"created":"2024-05-06T07:08:09.123456789Z","created_by":"COPY . /","comment":"c"},
             {"created_by":"CMD [\"sh\"]","empty_layer":true}]
            """#
        let digest = try await desk.push("v1", "layer", history: history)
        let answer = try await desk.site.send(.get, desk.path + "/manifest/\(digest)", as: desk.token)
        #expect(answer.status == 200)
        #expect(answer.json["digest"]?.string == digest.text)
        #expect(answer.json["is_manifest_list"] == false)
        #expect(answer.json["config_media_type"]?.string == MediaType.ociConfig.text)
        #expect(answer.json["layers_compressed_size"] == 5)
        let data = try #require(answer.json["manifest_data"]?.string)
        #expect(Digest(of: Array(data.utf8)) == digest)
        #expect(
            answer.json["layers"] == [
                [
                    "index": 0, "compressed_size": 5, "is_remote": false, "urls": nil,
                    "command": ["COPY . /"],
                    "comment": "c", "author": nil,
                    "blob_digest": .string(Digest(of: Array("layer".utf8)).text),
                    "created_datetime": "Mon, 06 May 2024 07:08:09 -0000",
                ]
            ])
        let odd = try await desk.push("odd", "layer", history: #"[7,{"created_by":7}]"#)
        let shown = try await desk.site.send(.get, desk.path + "/manifest/\(odd)", as: desk.token)
        #expect(shown.json["layers"]?.array?.first?["command"] == .null)
        for none in ["latest", "sha256:12", Digest(of: [1]).text] {
            #expect(
                try await desk.site.send(.get, desk.path + "/manifest/\(none)", as: desk.token).status
                    == 404)
        }
    }

    @Test("labels are listed, added, shown and deleted", arguments: TestDatabase.allEngines)
    func labels(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TagSite(engine)
        let digest = try await desk.push("v1", "layer", labels: ["own": "1"])
        let path = desk.path + "/manifest/\(digest)/labels"
        let made = try await desk.site.send(
            .post, path, #"{"key":"team.name","value":"a","media_type":"text/plain"}"#, as: desk.token)
        #expect(made.status == 201)
        let label = try #require(made.json["label"])
        let id = try #require(label["id"]?.string)
        #expect(
            label == [
                "id": .string(id), "key": "team.name", "value": "a", "source_type": "api",
                "media_type": "text/plain",
            ])
        #expect(made.headers["Location"] == "http://registry.test\(path)/\(id)")
        #expect(try await desk.site.send(.get, path + "/" + id, as: desk.token).json == label)
        let all = try await desk.site.send(.get, path, as: desk.token)
        #expect(all.json["labels"]?.array?.map { $0["source_type"] } == ["manifest", "api"])
        let some = try await desk.site.send(.get, path + "?filter=team", as: desk.token)
        #expect(some.json["labels"] == [label])
        #expect(
            try await desk.site.send(.get, path + "?filter=t%25", as: desk.token).json["labels"] == [])
        #expect(try await desk.site.send(.delete, path + "/" + id, as: desk.token).status == 204)
        #expect(try await desk.site.send(.delete, path + "/" + id, as: desk.token).status == 404)
        #expect(try await desk.site.send(.get, path + "/" + id, as: desk.token).status == 404)
        let own = try #require(all.json["labels"]?.array?.first?["id"]?.string)
        #expect(try await desk.site.send(.delete, path + "/" + own, as: desk.token).status == 400)
    }

    @Test(
        "labels that break a rule are refused",
        arguments: [
            (
                #"{"key":"quay.expires-after","value":"1h","media_type":"text/plain"}"#,
                "Label has a reserved prefix"
            ),
            (#"{"key":"IO.K8S.x","value":"1h","media_type":null}"#, "Label has a reserved prefix"),
            (#"{"key":"a b","value":"1h","media_type":null}"#, "Label key 'a b' is invalid"),
            (
                #"{"key":"a","value":"1h","media_type":"bad/media/type"}"#, "'bad/media/type' is not one of"
            ),
            (#"{"key":"a","value":"1h"}"#, "'media_type' is a required property"),
            (#"{"key":"a","media_type":null}"#, "'value' is a required property"),
            (#"{"key":"a","value":null,"media_type":null}"#, "None is not of type 'string' (value)"),
            (
                #"{"key":"a","value":"\u0000","media_type":null}"#,
                "A label's value must not contain a NUL character."
            ),
        ])
    func refusals(_ body: String, _ message: String) async throws {
        let desk = try await TagSite()
        let digest = try await desk.push("v1", "layer")
        let answer = try await desk.site.send(
            .post, desk.path + "/manifest/\(digest)/labels", body, as: desk.token)
        #expect(answer.status == 400)
        #expect(answer.json["detail"]?.string?.hasPrefix(message) == true, "\(answer.text)")
    }

    @Test(
        "SEC-Cross-tenant object use (IDOR): a digest, a label or a policy of another repository is not found through one's own"
    )
    func foreign() async throws {
        let desk = try await TagSite()
        let bob = try await desk.site.token("bob")
        try await desk.repository("app", bob)
        let theirs = try await desk.push("v1", "theirs", labels: ["a": "b"], to: "bob/app")
        try await desk.push("v1", "mine")
        let labels = try await desk.site.send(
            .get, "/api/v1/repository/bob/app/manifest/\(theirs)/labels", as: bob)
        let label = try #require(labels.json["labels"]?.array?.first?["id"]?.string)
        let policy = try await desk.site.send(
            .post, "/api/v1/repository/bob/app/immutabilitypolicy/", #"{"tagPattern":"v*"}"#, as: bob)
        let uuid = try #require(policy.json["uuid"]?.string)
        let mine = try await desk.push("v2", "theirs", labels: ["a": "b"])
        #expect(mine == theirs)
        for (method, path, body) in [
            (.get, "/manifest/\(mine)/labels/\(label)", nil),
            (.delete, "/manifest/\(mine)/labels/\(label)", nil),
            (.get, "/immutabilitypolicy/\(uuid)", nil), (.delete, "/immutabilitypolicy/\(uuid)", nil),
        ] as [(WebRequest.Method, String, String?)] {
            #expect(
                try await desk.site.send(method, desk.path + path, body, as: desk.token).status == 404,
                "\(path)")
        }
        let secret = try await desk.push("secret", "only theirs", to: "bob/app")
        for (method, path, body) in [
            (.get, "/manifest/\(secret)", nil), (.get, "/manifest/\(secret)/labels", nil),
            (.post, "/manifest/\(secret)/labels", #"{"key":"a","value":"b","media_type":null}"#),
            (.put, "/tag/x", #"{"manifest_digest":"\#(secret)"}"#),
            (.post, "/tag/x/restore", #"{"manifest_digest":"\#(secret)"}"#),
        ] as [(WebRequest.Method, String, String?)] {
            #expect(
                try await desk.site.send(method, desk.path + path, body, as: desk.token).status == 404,
                "\(path)")
        }
    }
}
