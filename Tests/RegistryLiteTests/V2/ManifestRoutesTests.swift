import OCI
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// Manifests and tags over a real connection.
@Suite("Manifests over HTTP") struct ManifestRoutesTests {
    /// A registry with one image's blobs in `owner/app`.
    struct Desk {
        let registry: LiveRegistry
        let token: String
        let body: [UInt8]
        var digest: Digest { Digest(of: body) }

        init(_ engine: TestDatabase.Engine = .sqlite) async throws {
            registry = try await LiveRegistry.start(engine)
            token = try await registry.pushToken()
            let config = try await registry.upload(Array("{}".utf8), token: token)
            let layer = try await registry.upload(pattern(1000), token: token)
            body = Array(
                """
                {"schemaVersion":2, "mediaType":"\(MediaType.ociImage)",
                 "config":{"mediaType":"\(MediaType.ociConfig)","digest":"\(config)","size":2},
                 "layers":[{"mediaType":"\(MediaType.ociLayerGzip)","digest":"\(layer)","size":1000}]}
                """.utf8)
        }

        func put(
            _ reference: String, _ body: [UInt8]? = nil, type: String = MediaType.ociImage.text
        ) async throws -> WebResponse {
            try await registry.send(
                .put, "/v2/owner/app/manifests/\(reference)", token: token, headers: ["Content-Type": type],
                body: body ?? self.body)
        }

        func get(_ reference: String, _ method: WebRequest.Method = .get) async throws -> WebResponse {
            try await registry.send(method, "/v2/owner/app/manifests/\(reference)", token: token)
        }
    }

    @Test("a manifest comes back byte for byte, by tag and by digest", arguments: TestDatabase.allEngines)
    func roundTrip(_ engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let put = try await desk.put("v1", type: "\(MediaType.ociImage); charset=utf-8")
        #expect(put.status == 201)
        #expect(put.headers["Docker-Content-Digest"] == desk.digest.text)
        #expect(put.headers["Location"] == "/v2/owner/app/manifests/\(desk.digest)")
        for reference in ["v1", desk.digest.text] {
            let got = try await desk.get(reference)
            #expect(got.status == 200)
            #expect(got.body == desk.body)
            #expect(got.headers["Content-Type"] == MediaType.ociImage.text)
            #expect(got.headers["Docker-Content-Digest"] == desk.digest.text)
            let head = try await desk.get(reference, .head)
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.headers["Content-Length"] == String(desk.body.count))
        }
    }

    @Test("deleting a tag leaves the others; deleting a digest takes all of its tags") func deletes() async throws {
        let desk = try await Desk()
        for tag in ["v1", "v2", "v3"] { #expect(try await desk.put(tag).status == 201) }
        #expect(try await desk.get("v1", .delete).status == 202)
        #expect(try await desk.get("v1").codes == ["TAG_EXPIRED"])
        #expect(try await desk.get("v2").status == 200)
        #expect(try await desk.get(desk.digest.text, .delete).status == 202)
        for reference in ["v2", "v3", desk.digest.text] { #expect(try await desk.get(reference).status == 404) }
        #expect(try await desk.get("never").codes == ["MANIFEST_UNKNOWN"])
    }

    @Test("what is no manifest of this registry is refused, with the words of the specification") func refusals()
        async throws
    {
        let desk = try await Desk()
        let missing = String(decoding: desk.body, as: UTF8.self)
            .replacing(Digest(of: Array("{}".utf8)).text, with: Digest(of: [7]).text)
        #expect(try await desk.put("v1", Array(missing.utf8)).codes == ["MANIFEST_BLOB_UNKNOWN"])
        #expect(try await desk.put("v1", Array("{".utf8)).codes == ["MANIFEST_INVALID"])
        #expect(try await desk.put("v1", []).codes == ["MANIFEST_INVALID"])
        #expect(try await desk.put(Digest(of: [1]).text).codes == ["DIGEST_INVALID"])
        #expect(try await desk.put("-tag").codes == ["TAG_INVALID"])
        #expect(try await desk.put("sha256:12").codes == ["DIGEST_INVALID"])
    }

    @Test("SEC-Content confusion: the body's type is the Content-Type, and one thing only") func confusion()
        async throws
    {
        let desk = try await Desk()
        #expect(try await desk.put("v1", type: MediaType.ociIndex.text).codes == ["MANIFEST_INVALID"])
        #expect(try await desk.put("v1", type: "application/json").codes == ["MANIFEST_INVALID"])
        let both = String(decoding: desk.body, as: UTF8.self).replacing(
            "\"layers\"", with: "\"manifests\":[],\"layers\"")
        #expect(try await desk.put("v1", Array(both.utf8)).codes == ["MANIFEST_INVALID"])
    }

    @Test("SEC-Resource exhaustion: a manifest beyond the cap is refused, whether it says its length or not")
    func tooLarge() async throws {
        let desk = try await Desk()
        let body = [UInt8](repeating: 32, count: Manifest.maximumBytes + 1)
        #expect(try await desk.put("v1", body).status == 413)
        var request = WebRequest(
            .put, "http://\(desk.registry.host)/v2/owner/app/manifests/v1",
            headers: ["Authorization": "Bearer \(desk.token)"],
            body: .stream(
                length: nil,
                AsyncThrowingStream<[UInt8], any Error> { input in
                    for start in stride(from: 0, to: body.count, by: 65_536) {
                        input.yield(Array(body[start..<min(start + 65_536, body.count)]))
                    }
                    input.finish()
                }))
        request.redirects = .none
        #expect(try await WebClient(addresses: .any).send(request).status == 413)
    }

    @Test("tags are listed in the order of their bytes, page by page", arguments: TestDatabase.allEngines)
    func tagList(_ engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let empty = try await desk.registry.send(.get, "/v2/owner/app/tags/list", token: desk.token)
        #expect(empty.text == #"{"name":"owner/app","tags":[]}"#)
        for tag in ["b", "B", "_a", "a", "a.1", "a-1"] { #expect(try await desk.put(tag).status == 201) }
        let path = "/v2/owner/app/tags/list"
        let all = try await desk.registry.send(.get, path, token: desk.token)
        #expect(all.text == #"{"name":"owner/app","tags":["B","_a","a","a-1","a.1","b"]}"#)
        let first = try await desk.registry.send(.get, "\(path)?n=4", token: desk.token)
        #expect(first.text == #"{"name":"owner/app","tags":["B","_a","a","a-1"]}"#)
        #expect(first.headers["Link"] == "<\(path)?n=4&last=a-1>; rel=\"next\"")
        let second = try await desk.registry.send(.get, "\(path)?n=4&last=a-1", token: desk.token)
        #expect(second.text == #"{"name":"owner/app","tags":["a.1","b"]}"#)
        #expect(second.headers["Link"] == nil)
        let none = try await desk.registry.send(.get, "\(path)?n=0", token: desk.token)
        #expect(none.text == #"{"name":"owner/app","tags":[]}"#)
        #expect(none.headers["Link"] == nil)
        #expect(try await desk.registry.send(.get, "\(path)?n=x", token: desk.token).status == 400)
    }

    @Test("the challenge names the site, whatever the headers of the request say") func challenge() async throws {
        let registry = try await LiveRegistry.start()
        let answer = try await registry.send(.get, "/v2/", headers: ["X-Forwarded-Host": "evil.example"])
        #expect(answer.status == 401)
        #expect(
            answer.headers["WWW-Authenticate"]
                == "Bearer realm=\"http://\(registry.host)/v2/auth\",service=\"\(registry.host)\"")
        #expect(answer.headers["Docker-Distribution-API-Version"] == "registry/2.0")
        #expect(answer.codes == ["UNAUTHORIZED"])
        let token = try await registry.token([])
        let good = try await registry.send(.get, "/v2/", token: token)
        #expect(good.status == 200)
        #expect(good.text == "true")
        #expect(try await registry.send(.get, "/v2/", token: "x.y.z").status == 401)
    }
}
