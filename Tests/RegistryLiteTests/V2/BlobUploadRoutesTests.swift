import OCI
import RegistryCore
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// Uploads over a real connection.
@Suite("Uploads over HTTP") struct BlobUploadRoutesTests {
    @Test(
        "a blob comes in pieces, and a gap or an overlap answers 416 with where to go on",
        arguments: TestDatabase.allEngines)
    func pieces(_ engine: TestDatabase.Engine) async throws {
        let registry = try await LiveRegistry.start(engine)
        let token = try await registry.pushToken()
        let bytes = pattern(250_000)
        let digest = Digest(of: bytes)
        let upload = try await registry.begin(token: token)
        let first = try await registry.send(
            .patch, upload, token: token, headers: ["Content-Range": "0-99999"], body: Array(bytes[..<100_000]))
        #expect(first.status == 202)
        #expect(first.headers["Range"] == "0-99999")
        #expect(first.headers["Location"] == upload)
        for wrong in ["0-99999", "100001-200000", "99999-199998", "100000-100001"] {
            let answer = try await registry.send(
                .patch, upload, token: token, headers: ["Content-Range": wrong], body: Array(bytes[..<100_000]))
            #expect(answer.status == 416, "\(wrong)")
            #expect(answer.headers["Range"] == "0-99999", "\(wrong)")
            #expect(answer.headers["Location"] == upload)
        }
        let status = try await registry.send(.get, upload, token: token)
        #expect(status.status == 204)
        #expect(status.headers["Range"] == "0-99999")
        // Without a range the piece goes on where the upload ends.
        #expect(
            try await registry.send(.patch, upload, token: token, body: Array(bytes[100_000..<200_000])).status == 202)
        let last = try await registry.send(
            .put, "\(upload)?digest=\(digest)", token: token, headers: ["Content-Range": "200000-249999"],
            body: Array(bytes[200_000...]))
        #expect(last.status == 201)
        #expect(last.headers["Docker-Content-Digest"] == digest.text)
        #expect(last.headers["Location"] == "/v2/owner/app/blobs/\(digest)")
        #expect(try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token).body == bytes)
        #expect(try await registry.send(.get, upload, token: token).status == 404)
    }

    @Test("an upload goes on after a restart, through another process", arguments: TestDatabase.allEngines)
    func restart(_ engine: TestDatabase.Engine) async throws {
        let bytes = pattern(200_000)
        let digest = Digest(of: bytes)
        let first = try await LiveRegistry.start(engine)
        let upload = try await first.begin(token: try await first.pushToken())
        #expect(
            try await first.send(.patch, upload, token: try await first.pushToken(), body: Array(bytes[..<120_000]))
                .status
                == 202)
        let second = try await LiveRegistry.start(on: first.data)
        let token = try await second.pushToken()
        let put = try await second.send(
            .put, "\(upload)?digest=\(digest)", token: token, body: Array(bytes[120_000...]))
        #expect(put.status == 201)
        #expect(try await second.send(.get, "/v2/owner/app/blobs/\(digest)", token: token).body == bytes)
    }

    @Test("sha512 works, also when the upload began without a word about it") func sha512() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let bytes = pattern(5000)
        let digest = Digest(of: bytes, by: .sha512)
        for query in ["", "?digest-algorithm=sha512"] {
            let begun = try await registry.send(.post, "/v2/owner/app/blobs/uploads/\(query)", token: token)
            let upload = try #require(begun.headers["Location"])
            try await registry.send(.patch, upload, token: token, body: bytes)
            #expect(try await registry.send(.put, "\(upload)?digest=\(digest)", token: token).status == 201)
        }
        #expect(try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token).body == bytes)
    }

    @Test("a wrong digest is refused and leaves nothing") func wrongDigest() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let wrong = Digest(of: [1])
        let once = try await registry.send(
            .post, "/v2/owner/app/blobs/uploads/?digest=\(wrong)", token: token, body: [2])
        #expect(once.status == 400)
        #expect(once.codes == ["DIGEST_INVALID"])
        let upload = try await registry.begin(token: token)
        try await registry.send(.patch, upload, token: token, body: [2])
        #expect(try await registry.send(.put, "\(upload)?digest=\(wrong)", token: token).codes == ["DIGEST_INVALID"])
        #expect(try await registry.send(.get, upload, token: token).status == 404)
        #expect(try registry.storedFiles().isEmpty)
        #expect(try await registry.send(.head, "/v2/owner/app/blobs/\(wrong)", token: token).status == 404)
    }

    @Test(
        "SEC-Digest handling: no other digest is taken in any form of a push",
        arguments: ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:xyz", "..%2F..%2Fetc", ""])
    func digests(_ digest: String) async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let once = try await registry.send(
            .post, "/v2/owner/app/blobs/uploads/?digest=\(digest)", token: token, body: [])
        #expect(once.status == 400)
        #expect(once.codes == ["DIGEST_INVALID"])
        let upload = try await registry.begin(token: token)
        #expect(try await registry.send(.put, "\(upload)?digest=\(digest)", token: token).codes == ["DIGEST_INVALID"])
        #expect(try await registry.send(.put, upload, token: token).codes == ["DIGEST_INVALID"])
        let mount = try await registry.send(.post, "/v2/owner/app/blobs/uploads/?mount=\(digest)", token: token)
        #expect(mount.codes == ["DIGEST_INVALID"])
    }

    @Test("two uploads of one digest at once both succeed, and one copy stays", arguments: TestDatabase.allEngines)
    func twins(_ engine: TestDatabase.Engine) async throws {
        let registry = try await LiveRegistry.start(engine)
        let token = try await registry.pushToken()
        let other = try await registry.pushToken("other/app", user: "other")
        let bytes = pattern(400_000)
        async let one = registry.upload(bytes, token: token)
        async let two = registry.upload(bytes, token: token)
        async let three = registry.upload(bytes, to: "other/app", token: other)
        let digests = try await [one, two, three]
        #expect(Set(digests).count == 1)
        #expect(try registry.storedFiles().count == 1)
        #expect(try await registry.send(.get, "/v2/other/app/blobs/\(digests[0])", token: other).body == bytes)
    }

    @Test("a blob whose file was lost is healed by pushing it again") func heals() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let digest = try await registry.upload(pattern(10), token: token)
        let file = try #require(try registry.storedFiles().first)
        try LiveRegistry.remove(registry.data.folder.path("storage/" + file))
        #expect(try await registry.send(.head, "/v2/owner/app/blobs/\(digest)", token: token).status == 404)
        try await registry.upload(pattern(10), token: token)
        #expect(try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token).body == pattern(10))
    }

    @Test("SEC-Cross-tenant object use (IDOR): an upload is nobody's but its repository's and its beginner's")
    func foreignUploads() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.token(["repository:owner/app:pull,push", "repository:owner/second:pull,push"])
        let upload = try await registry.begin(token: token)
        let uuid = try #require(upload.split(separator: "/").last)
        let digest = Digest(of: [1])
        // The same person through another repository, and another person in their own.
        let foreign = try await registry.pushToken("other/app", user: "other")
        for (path, token) in [("/v2/owner/second", token), ("/v2/other/app", foreign)] {
            let path = "\(path)/blobs/uploads/\(uuid)"
            #expect(try await registry.send(.get, path, token: token).status == 404)
            #expect(try await registry.send(.patch, path, token: token, body: [1]).codes == ["BLOB_UPLOAD_UNKNOWN"])
            #expect(try await registry.send(.put, "\(path)?digest=\(digest)", token: token, body: [1]).status == 404)
            #expect(try await registry.send(.delete, path, token: token).status == 404)
        }
        #expect(try await registry.send(.patch, upload, token: foreign, body: [1]).status == 401)
        #expect(try await registry.send(.get, upload, token: token).headers["Range"] == "0-0")
    }

    @Test("a cancelled upload is gone, with its bytes") func cancel() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let upload = try await registry.begin(token: token)
        try await registry.send(.patch, upload, token: token, body: [1, 2, 3])
        #expect(try registry.storedFiles().count == 1)
        #expect(try await registry.send(.delete, upload, token: token).status == 204)
        #expect(try await registry.send(.delete, upload, token: token).status == 404)
        #expect(try registry.storedFiles().isEmpty)
    }

    @Test("who may only pull may not push") func readers() async throws {
        let registry = try await LiveRegistry.start()
        let push = try await registry.pushToken()
        try await registry.upload([1], token: push)
        let pull = try await registry.token(["repository:owner/app:pull"])
        let answer = try await registry.send(.post, "/v2/owner/app/blobs/uploads/", token: pull)
        #expect(answer.status == 401)
        #expect(
            answer.headers["WWW-Authenticate"]
                == "Bearer realm=\"http://\(registry.host)/v2/auth\",service=\"\(registry.host)\",scope=\"repository:owner/app:pull,push\""
        )
    }
}
