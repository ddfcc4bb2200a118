import OCI
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// Blobs over a real connection.
@Suite("Blobs over HTTP") struct BlobRoutesTests {
    @Test("a blob pushed in one request comes back byte for byte, with its headers", arguments: TestDatabase.allEngines)
    func roundTrip(_ engine: TestDatabase.Engine) async throws {
        let registry = try await LiveRegistry.start(engine)
        let token = try await registry.pushToken()
        let bytes = pattern(300_000)
        let digest = try await registry.upload(bytes, token: token)
        let path = "/v2/owner/app/blobs/\(digest)"
        let got = try await registry.send(.get, path, token: token)
        #expect(got.status == 200)
        #expect(got.body == bytes)
        #expect(got.headers["Docker-Content-Digest"] == digest.text)
        #expect(got.headers["ETag"] == "\"\(digest)\"")
        #expect(got.headers["Accept-Ranges"] == "bytes")
        let head = try await registry.send(.head, path, token: token)
        #expect(head.status == 200)
        #expect(head.headers["Content-Length"] == "300000")
        #expect(head.body.isEmpty)
        let same = try await registry.send(.get, path, token: token, headers: ["If-None-Match": "\"\(digest)\""])
        #expect(same.status == 304)
        #expect(same.body.isEmpty)
        let unknown = try await registry.send(.get, "/v2/owner/app/blobs/\(Digest(of: [9]))", token: token)
        #expect(unknown.status == 404)
        #expect(unknown.codes == ["BLOB_UNKNOWN"])
    }

    @Test("an empty blob works") func empty() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let digest = try await registry.upload([], token: token)
        let got = try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token)
        #expect(got.status == 200)
        #expect(got.body.isEmpty)
        #expect(got.headers["Content-Length"] == "0")
    }

    @Test("parts are sent as asked, and 416 says how long the blob is") func ranges() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let bytes = pattern(1000)
        let digest = try await registry.upload(bytes, token: token)
        let cases: [(String, Int, Range<Int>?, String?)] = [
            ("bytes=0-0", 206, 0..<1, "bytes 0-0/1000"), ("bytes=10-19", 206, 10..<20, "bytes 10-19/1000"),
            ("bytes=990-", 206, 990..<1000, "bytes 990-999/1000"), ("bytes=-5", 206, 995..<1000, "bytes 995-999/1000"),
            ("bytes=1000-", 416, nil, "bytes */1000"), ("bytes=5-4", 416, nil, "bytes */1000"),
        ]
        for (header, status, part, contentRange) in cases {
            let got = try await registry.send(
                .get, "/v2/owner/app/blobs/\(digest)", token: token, headers: ["Range": header])
            #expect(got.status == status, "\(header)")
            #expect(got.headers["Content-Range"] == contentRange, "\(header)")
            #expect(got.body == part.map { Array(bytes[$0]) } ?? [], "\(header)")
        }
    }

    @Test("SEC-XSS: a blob is never taken for a page, whatever is in it") func nosniff() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let digest = try await registry.upload(Array("<html><script>alert(1)</script>".utf8), token: token)
        let got = try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token)
        #expect(got.headers["Content-Type"] == "application/octet-stream")
        #expect(got.headers["X-Content-Type-Options"] == "nosniff")
    }

    @Test("SEC-Cross-tenant object use (IDOR): a blob is readable only through a repository that links it")
    func otherRepository() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken("owner/secret")
        let digest = try await registry.upload(pattern(100), to: "owner/secret", token: token)
        // Another user, in a repository of their own: the bytes are here, but not there.
        let foreign = try await registry.pushToken("other/app", user: "other")
        let elsewhere = try await registry.send(.get, "/v2/other/app/blobs/\(digest)", token: foreign)
        #expect(elsewhere.status == 404)
        for path in ["/v2/owner/secret/blobs/\(digest)", "/v2/owner/secret/tags/list"] {
            #expect(try await registry.send(.get, path, token: foreign).status == 401)
            #expect(try await registry.send(.get, path).status == 401)
        }
        // Not by mounting either: the source is private, so an ordinary upload begins.
        for query in ["mount=\(digest)&from=owner/secret", "mount=\(digest)"] {
            let mount = try await registry.send(.post, "/v2/other/app/blobs/uploads/?\(query)", token: foreign)
            #expect(mount.status == 202, "\(query)")
        }
        #expect(try await registry.send(.head, "/v2/other/app/blobs/\(digest)", token: foreign).status == 404)
    }

    @Test("a blob is mounted from a repository that the caller may read") func mounts() async throws {
        let registry = try await LiveRegistry.start()
        let source = try await registry.pushToken("owner/base")
        let digest = try await registry.upload(pattern(100), to: "owner/base", token: source)
        let both = try await registry.token(["repository:owner/base:pull", "repository:owner/app:pull,push"])
        for (repository, query) in [("app", "mount=\(digest)&from=owner/base"), ("app", "mount=\(digest)")] {
            let mount = try await registry.send(
                .post, "/v2/owner/\(repository)/blobs/uploads/?\(query)", token: both)
            #expect(mount.status == 201)
            #expect(mount.headers["Location"] == "/v2/owner/app/blobs/\(digest)")
        }
        #expect(try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: both).body == pattern(100))
        #expect(try registry.storedFiles().count == 1)
    }

    @Test("a mount whose source the token doesn't name is answered with a challenge for both repositories")
    func mountChallenge() async throws {
        let registry = try await LiveRegistry.start()
        let digest = try await registry.upload(
            pattern(100), to: "owner/base", token: try await registry.pushToken("owner/base"))
        let narrow = try await registry.pushToken()
        for query in ["mount=\(digest)&from=owner/base", "mount=\(digest)"] {
            let mount = try await registry.send(.post, "/v2/owner/app/blobs/uploads/?\(query)", token: narrow)
            #expect(mount.status == 401, "\(query)")
            let challenge = try #require(mount.headers["WWW-Authenticate"])
            #expect(challenge.hasSuffix(",scope=\"repository:owner/app:pull,push repository:owner/base:pull\""))
        }
        #expect(try await registry.send(.head, "/v2/owner/app/blobs/\(digest)", token: narrow).status == 404)
        // As a client asks for it: both scopes in one parameter.
        let both = try await registry.token(["repository:owner/app:pull,push%20repository:owner/base:pull"])
        let mount = try await registry.send(
            .post, "/v2/owner/app/blobs/uploads/?mount=\(digest)&from=owner/base", token: both)
        #expect(mount.status == 201)
    }
}
