import OCI
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// Deleting blobs and manifests, as the distribution specification's own suite asks for it.
@Suite("Deleting content over HTTP") struct ContentRemovalTests {
    typealias Desk = ManifestRoutesTests.Desk

    @Test("a blob that no manifest needs is gone at once, and can be pushed again", arguments: TestDatabase.allEngines)
    func blob(_ engine: TestDatabase.Engine) async throws {
        let registry = try await LiveRegistry.start(engine)
        let token = try await registry.pushToken()
        let digest = try await registry.upload([1], token: token)
        let path = "/v2/owner/app/blobs/\(digest)"
        #expect(try await registry.send(.delete, path, token: token).status == 202)
        #expect(try await registry.send(.head, path, token: token).status == 404)
        #expect(try await registry.send(.get, path, token: token).codes == ["BLOB_UNKNOWN"])
        let again = try await registry.send(.delete, path, token: token)
        #expect(again.status == 404)
        #expect(again.codes == ["BLOB_UNKNOWN"])
        try await registry.upload([1], token: token)
        #expect(try await registry.send(.get, path, token: token).body == [1])
    }

    @Test("a blob of another repository stays when it is deleted here") func shared() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.token(["repository:owner/a:pull,push", "repository:owner/b:pull,push"])
        let digest = try await registry.upload([1], to: "owner/a", token: token)
        try await registry.upload([1], to: "owner/b", token: token)
        #expect(try await registry.send(.delete, "/v2/owner/a/blobs/\(digest)", token: token).status == 202)
        #expect(try await registry.send(.get, "/v2/owner/a/blobs/\(digest)", token: token).status == 404)
        #expect(try await registry.send(.get, "/v2/owner/b/blobs/\(digest)", token: token).status == 200)
    }

    @Test("SEC-Authorisation slips: who may only read deletes nothing") func readers() async throws {
        let desk = try await Desk()
        #expect(try await desk.put("v1").status == 201)
        let reader = try await desk.registry.token(["repository:owner/app:pull"])
        let config = Digest(of: Array("{}".utf8))
        for path in ["manifests/v1", "manifests/\(desk.digest)", "blobs/\(config)"] {
            for token in [reader, nil] {
                let answer = try await desk.registry.send(.delete, "/v2/owner/app/\(path)", token: token)
                #expect(answer.status == 401)
            }
        }
        #expect(try await desk.get("v1").status == 200)
    }

    @Test(
        "a blob stays while a manifest that can be pulled needs it, and comes back with a removed one",
        arguments: TestDatabase.allEngines)
    func needed(_ engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let config = "/v2/owner/app/blobs/\(Digest(of: Array("{}".utf8)))"
        #expect(try await desk.put("v1").status == 201)
        let refused = try await desk.registry.send(.delete, config, token: desk.token)
        #expect(refused.status == 405)
        #expect(refused.codes == ["UNSUPPORTED"])
        #expect(refused.headers["Allow"] == "GET, HEAD, DELETE")
        #expect(try await desk.get(desk.digest.text, .delete).status == 202)
        #expect(try await desk.registry.send(.delete, config, token: desk.token).status == 202)
        #expect(try await desk.registry.send(.head, config, token: desk.token).status == 404)
        // A reader, whose question promises nothing, is told the same.
        let reader = try await desk.registry.token(["repository:owner/app:pull"])
        #expect(try await desk.registry.send(.get, config, token: reader).codes == ["BLOB_UNKNOWN"])
        // The manifest is still there for the time machine, and with it its bytes.
        #expect(try await desk.put("v1").status == 201)
        #expect(try await desk.registry.send(.get, config, token: desk.token).body == Array("{}".utf8))
    }

    @Test("a manifest that a living index lists can't be deleted, but its tags can", arguments: TestDatabase.allEngines)
    func children(_ engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        #expect(try await desk.put("amd64").status == 201)
        let index = Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[{"mediaType":"\(MediaType.ociImage)",\
            "digest":"\(desk.digest)","size":\(desk.body.count)}]}
            """.utf8)
        #expect(try await desk.put("multi", index, type: MediaType.ociIndex.text).status == 201)
        #expect(try await desk.get(desk.digest.text, .delete).codes == ["UNSUPPORTED"])
        #expect(try await desk.get("amd64", .delete).status == 202)
        #expect(try await desk.get(desk.digest.text).status == 200)
        #expect(try await desk.get(Digest(of: index).text, .delete).status == 202)
        for gone in [desk.digest.text, Digest(of: index).text, "multi"] {
            #expect(try await desk.get(gone).status == 404, "\(gone)")
        }
    }

    @Test("a deleted referrer is gone although its subject lives, and is back when it is pushed again")
    func referrers() async throws {
        let desk = try await Desk()
        #expect(try await desk.put("v1").status == 201)
        let referrer = Array(
            String(decoding: desk.body, as: UTF8.self).replacing(
                "\"layers\"",
                with: #""subject":{"mediaType":"\#(MediaType.ociImage)","digest":"\#(desk.digest)","size":1},"layers""#
            ).utf8)
        let digest = Digest(of: referrer)
        let list = "/v2/owner/app/referrers/\(desk.digest)"
        for _ in 0..<2 {
            let put = try await desk.put(digest.text, referrer)
            #expect(put.status == 201)
            #expect(put.headers["OCI-Subject"] == desk.digest.text)
            #expect(try await desk.registry.send(.get, list, token: desk.token).text.contains(digest.text))
            #expect(try await desk.get(digest.text, .delete).status == 202)
            #expect(try await desk.get(digest.text, .head).status == 404)
            #expect(try await !desk.registry.send(.get, list, token: desk.token).text.contains(digest.text))
        }
        #expect(try await desk.put(digest.text, referrer).status == 201)
        // With its subject it goes as well.
        #expect(try await desk.get(desk.digest.text, .delete).status == 202)
        #expect(
            try await desk.get(digest.text).status == 200, "pushed by digest a moment ago: kept for a while by itself")
    }
}
