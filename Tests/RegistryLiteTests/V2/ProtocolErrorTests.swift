import Foundation
import OCI
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// Every refusal has its code, its status, and a sentence that says what is wrong.
@Suite("Refusals of /v2") struct ProtocolErrorTests {
    private struct Body: Decodable {
        struct Entry: Decodable {
            let code: String
            let message: String
        }
        let errors: [Entry]
    }

    /// One request in `owner/app` by somebody who may push, and its answer.
    struct Case: Sendable, CustomStringConvertible {
        let method: WebRequest.Method
        let path: String
        var headers: [String: String] = [:]
        var body: String?
        let status: Int
        let code: String
        /// Words of the message.
        let says: String
        var description: String { "\(method) \(path.prefix(90)) \(headers)" }
    }

    private static let digest = "sha256:\(String(repeating: "ab", count: 32))"
    private static let image = ["Content-Type": MediaType.ociImage.text]
    private static let tags = (0...100).map { "tag=t\($0)" }.joined(separator: "&")

    static let cases: [Case] = [
        .init(method: .get, path: "owner/app/blobs/\(digest)", status: 404, code: "BLOB_UNKNOWN", says: "no such blob"),
        .init(method: .get, path: "owner/app/blobs/sha256:1", status: 400, code: "DIGEST_INVALID", says: "lower-case"),
        .init(
            method: .get, path: "owner/app/blobs/md5:\(digest.dropFirst(39))", status: 400, code: "DIGEST_INVALID",
            says: "sha512"),
        .init(
            method: .get, path: "owner/app/blobs/uploads/nothing", status: 404, code: "BLOB_UPLOAD_UNKNOWN",
            says: "no such upload"),
        .init(
            method: .get, path: "owner/app/blobs/uploads/a%00b", status: 404, code: "BLOB_UPLOAD_UNKNOWN",
            says: "no such upload"),
        .init(
            method: .put, path: "owner/app/blobs/uploads/nothing", status: 400, code: "DIGEST_INVALID",
            says: "digest is missing"),
        .init(
            method: .post, path: "owner/app/blobs/uploads/?digest=x", body: "a", status: 400, code: "DIGEST_INVALID",
            says: "sha512"),
        .init(
            method: .post, path: "owner/app/blobs/uploads/?digest=\(digest)", body: "a", status: 400,
            code: "DIGEST_INVALID", says: "do not have"),
        .init(
            method: .post, path: "owner/app/blobs/uploads/?digest-algorithm=md5", status: 400, code: "DIGEST_INVALID",
            says: "not supported"),
        .init(
            method: .post, path: "owner/app/blobs/uploads/?mount=x", status: 400, code: "DIGEST_INVALID", says: "sha512"
        ),
        .init(
            method: .get, path: "owner/app/manifests/never", status: 404, code: "MANIFEST_UNKNOWN",
            says: "no manifest never"),
        .init(
            method: .get, path: "owner/app/manifests/\(digest)", status: 404, code: "MANIFEST_UNKNOWN",
            says: "no manifest"),
        .init(method: .get, path: "owner/app/manifests/sha256:1", status: 400, code: "DIGEST_INVALID", says: "sha512"),
        .init(method: .get, path: "owner/app/manifests/.x", status: 400, code: "TAG_INVALID", says: "1-128 characters"),
        .init(
            method: .get, path: "owner/app/manifests/\(String(repeating: "a", count: 129))", status: 400,
            code: "TAG_INVALID", says: "1-128"),
        .init(
            method: .put, path: "owner/app/manifests/v1", headers: image, body: "{", status: 400,
            code: "MANIFEST_INVALID", says: "not valid JSON"),
        .init(
            method: .put, path: "owner/app/manifests/v1", headers: image, body: "{}", status: 400,
            code: "MANIFEST_INVALID", says: "schemaVersion"),
        .init(
            method: .put, path: "owner/app/manifests/v1", headers: image,
            body: String(repeating: "[", count: 40) + String(repeating: "]", count: 40), status: 400,
            code: "MANIFEST_INVALID", says: "deeper than 32"),
        .init(
            method: .put, path: "owner/app/manifests/v1", headers: image,
            body: #"{"schemaVersion":2,"schemaVersion":2}"#, status: 400,
            code: "MANIFEST_INVALID", says: "stands twice"),
        .init(
            method: .put, path: "owner/app/manifests/v1",
            headers: ["Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"],
            body: #"{"schemaVersion":1,"fsLayers":[]}"#, status: 405, code: "UNSUPPORTED", says: "schema 2 or OCI"),
        .init(
            method: .put, path: "owner/app/manifests/v1", headers: ["Content-Type": "no type"], body: "{}", status: 400,
            code: "MANIFEST_INVALID", says: "Content-Type"),
        .init(
            method: .put, path: "owner/app/manifests/v1", headers: image,
            body: #"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"\#(digest)","size":1},"layers":[]}"#,
            status: 400,
            code: "MANIFEST_BLOB_UNKNOWN", says: digest),
        .init(
            method: .put, path: "owner/app/manifests/\(digest)?\(tags)", headers: image, body: "{}", status: 414,
            code: "INVALID_REQUEST", says: "100 tags"),
        .init(
            method: .put, path: "owner/app/manifests/\(digest)?tag=-x", headers: image, body: "{}", status: 400,
            code: "TAG_INVALID", says: "1-128"),
        .init(method: .delete, path: "owner/app/manifests/never", status: 404, code: "MANIFEST_UNKNOWN", says: "never"),
        .init(
            method: .delete, path: "owner/app/blobs/\(digest)", status: 404, code: "BLOB_UNKNOWN", says: "no such blob"),
        .init(
            method: .get, path: "owner/app/tags/list?n=x", status: 400, code: "INVALID_REQUEST", says: "whole number"),
        .init(
            method: .get, path: "owner/app/tags/list?last=%00", status: 400, code: "INVALID_REQUEST",
            says: "control character"),
        .init(method: .get, path: "Owner/app/tags/list", status: 400, code: "NAME_INVALID", says: "lower-case"),
        .init(
            method: .get, path: "owner/\(String(repeating: "a", count: 245))/tags/list", status: 400,
            code: "NAME_INVALID", says: "255"),
        .init(method: .get, path: "owner/app/nothing/here", status: 404, code: "UNSUPPORTED", says: "no such path"),
        .init(method: .post, path: "owner/app/tags/list", status: 405, code: "UNSUPPORTED", says: "method"),
        .init(method: .put, path: "_catalog", status: 405, code: "UNSUPPORTED", says: "method"),
        .init(method: .get, path: "owner/app/referrers/x", status: 400, code: "DIGEST_INVALID", says: "lower-case"),
    ]

    @Test("have a code, a status and a sentence, on both databases", arguments: TestDatabase.allEngines)
    func table(_ engine: TestDatabase.Engine) async throws {
        let registry = try await LiveRegistry.start(engine)
        let token = try await registry.pushToken()
        for refusal in Self.cases {
            let answer = try await registry.send(
                refusal.method, "/v2/\(refusal.path)", token: token, headers: refusal.headers,
                body: refusal.body.map { Array($0.utf8) })
            #expect(answer.status == refusal.status, "\(refusal): \(answer.text)")
            #expect(answer.headers["Content-Type"] == "application/json", "\(refusal)")
            let body = try JSONDecoder().decode(Body.self, from: Foundation.Data(answer.body))
            #expect(body.errors.map(\.code) == [refusal.code], "\(refusal)")
            #expect(body.errors.first?.message.contains(refusal.says) == true, "\(refusal): \(answer.text)")
            #expect((answer.headers["Allow"] != nil) == (answer.status == 405), "\(refusal)")
        }
    }

    @Test("name the right that is missing: asking how far an upload came needs the right to push") func challenges()
        async throws
    {
        let registry = try await LiveRegistry.start()
        let push = try await registry.pushToken()
        let upload = try await registry.begin(token: push)
        let reader = try await registry.token(["repository:owner/app:pull"])
        let cases = [
            (WebRequest.Method.get, upload, "pull,push"), (.delete, upload, "pull,push"), (.patch, upload, "pull,push"),
            (.put, "/v2/owner/app/manifests/v1", "pull,push"), (.delete, "/v2/owner/app/manifests/v1", "pull,push"),
        ]
        for (method, path, actions) in cases {
            let answer = try await registry.send(method, path, token: reader)
            #expect(answer.status == 401)
            #expect(answer.headers["WWW-Authenticate"]?.hasSuffix("scope=\"repository:owner/app:\(actions)\"") == true)
        }
        let anonymous = try await registry.send(.get, "/v2/owner/app/tags/list")
        #expect(anonymous.headers["WWW-Authenticate"]?.hasSuffix("scope=\"repository:owner/app:pull\"") == true)
        #expect(try await registry.send(.get, upload, token: push).status == 204)
    }

    @Test("do not meet what is only unknown: other parameters and any Accept are let be") func tolerance() async throws
    {
        let desk = try await ManifestRoutesTests.Desk()
        #expect(try await desk.put("v1").status == 201)
        for accept in ["*/*", "text/html", "", "application/vnd.oci.image.index.v1+json;q=0.5, */*;q=0.1"] {
            let got = try await desk.registry.send(
                .get, "/v2/owner/app/manifests/v1?ns=docker.io&x=y", token: desk.token, headers: ["Accept": accept])
            #expect(got.status == 200)
            #expect(got.headers["Content-Type"] == MediaType.ociImage.text)
            #expect(got.headers["OCI-Namespace"] == nil)
        }
    }

    @Test("sha512 serves everywhere that sha256 does") func sha512() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let config = Digest(of: Array("{}".utf8), by: .sha512)
        let started = try await registry.send(
            .post, "/v2/owner/app/blobs/uploads/?digest-algorithm=sha512", token: token)
        let location = try #require(started.headers["Location"])
        let put = try await registry.send(.put, "\(location)?digest=\(config)", token: token, body: Array("{}".utf8))
        #expect(put.status == 201)
        #expect(put.headers["Docker-Content-Digest"] == config.text)
        let body = Array(
            #"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"\#(config)","size":2},"layers":[]}"#.utf8)
        let digest = Digest(of: body, by: .sha512)
        let path = "/v2/owner/app/manifests/"
        let manifest = try await registry.send(
            .put, "\(path)\(digest)?tag=a&tag=b", token: token, headers: Self.image, body: body)
        #expect(manifest.status == 201, "\(manifest.text)")
        for reference in [digest.text, "a", "b"] {
            let got = try await registry.send(.get, path + reference, token: token)
            #expect(got.body == body)
            #expect(got.headers["Docker-Content-Digest"] == digest.text)
            let cached = try await registry.send(
                .get, path + reference, token: token, headers: ["If-None-Match": "\"\(digest)\""])
            #expect(cached.status == 304)
        }
        #expect(
            try await registry.send(
                .put, path + Digest(of: body).text.replacing("a", with: "b"), token: token, headers: Self.image,
                body: body
            ).codes == ["DIGEST_INVALID"])
    }
}
