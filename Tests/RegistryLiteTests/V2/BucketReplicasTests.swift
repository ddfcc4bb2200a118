import OCI
import ObjectStorage
import RegistryCore
import Synchronization
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// Several registries on one PostgreSQL database and one bucket, as behind a load balancer.
@Suite("Replicas on a bucket") struct BucketReplicasTests {
    /// What one part of a multipart upload holds; blobs here are larger, so that every way is taken.
    private static let part = 5 << 20

    private static func data(_ server: S3Server) async throws -> LiveRegistry.Data {
        try await LiveRegistry.Data(.postgres, bucket: try await server.bucket())
    }

    @Test("an upload goes round robin over replicas, through a restart, and every replica serves the blob")
    func roundRobin() async throws {
        let data = try await Self.data(.shared)
        let (one, two) = (try await LiveRegistry.start(on: data), try await LiveRegistry.start(on: data))
        let bytes = pattern(2 * Self.part + 333_333)
        let digest = Digest(of: bytes)
        let upload = try await one.begin(token: try await one.pushToken())
        let cuts = [0, 100, Self.part + 7, 2 * Self.part + 1]
        for (number, registry) in [two, one, two].enumerated() {
            let (first, end) = (cuts[number], cuts[number + 1])
            let answer = try await registry.send(
                .patch, upload, token: try await registry.pushToken(),
                headers: ["Content-Range": "\(first)-\(end - 1)"], body: Array(bytes[first..<end]))
            #expect(answer.status == 202, "\(answer.text)")
        }
        let status = try await one.send(.get, upload, token: try await one.pushToken())
        #expect(status.status == 204)
        #expect(status.headers["Range"] == "0-\(2 * Self.part)")
        let three = try await LiveRegistry.start(on: data)
        let token = try await three.pushToken()
        let put = try await three.send(
            .put, "\(upload)?digest=\(digest)", token: token, body: Array(bytes[(2 * Self.part + 1)...]))
        #expect(put.status == 201, "\(put.text)")
        for registry in [one, two, three] {
            let answer = try await registry.send(
                .get, "/v2/owner/app/blobs/\(digest)", token: try await registry.pushToken())
            #expect(answer.status == 307)
            let address = try #require(answer.headers["Location"])
            #expect(try await S3Server.get(address).body == bytes)
        }
        let left = try await S3Server.shared.contents(of: #require(data.bucket))
        #expect(left.names.count == 2 && left.names.last == "registry-storage")
        #expect(left.multiparts == 0)
    }

    @Test("one blob pushed through two replicas at once is accepted twice and stored once") func concurrent()
        async throws
    {
        let data = try await Self.data(.shared)
        let (one, two) = (try await LiveRegistry.start(on: data), try await LiveRegistry.start(on: data))
        let bytes = pattern(Self.part + 99)
        let (oneToken, twoToken) = (try await one.pushToken(), try await two.pushToken())
        async let first = one.upload(bytes, token: oneToken)
        async let second = two.upload(bytes, token: twoToken)
        #expect(try await first == Digest(of: bytes))
        #expect(try await second == Digest(of: bytes))
        let left = try await S3Server.shared.contents(of: #require(data.bucket))
        #expect(left.names.count == 2)
        #expect(left.multiparts == 0)
    }

    @Test(
        "a wrong digest, and a cancelled upload, leave neither an object nor a part",
        arguments: [1000, (5 << 20) + 1000])
    func nothingBehind(_ count: Int) async throws {
        let data = try await Self.data(.shared)
        let registry = try await LiveRegistry.start(on: data)
        let token = try await registry.pushToken()
        let bytes = pattern(count)
        let answer = try await registry.send(
            .post, "/v2/owner/app/blobs/uploads/?digest=\(Digest(of: [1]))", token: token, body: bytes)
        #expect(answer.status == 400)
        #expect(answer.codes == ["DIGEST_INVALID"])
        let upload = try await registry.begin(token: token)
        #expect(try await registry.send(.patch, upload, token: token, body: bytes).status == 202)
        #expect(try await registry.send(.delete, upload, token: token).status == 204)
        let left = try await S3Server.shared.contents(of: #require(data.bucket))
        #expect(left.names == ["registry-storage"])
        #expect(left.multiparts == 0)
    }

    @Test("a digest by another algorithm than the upload was begun with costs a second reading and no more")
    func otherAlgorithm() async throws {
        let registry = try await LiveRegistry.start(on: try await Self.data(.shared))
        let token = try await registry.pushToken()
        let bytes = pattern(Self.part + 5)
        let upload = try await registry.begin(token: token)
        #expect(try await registry.send(.patch, upload, token: token, body: bytes).status == 202)
        let digest = Digest(of: bytes, by: .sha512)
        let put = try await registry.send(.put, "\(upload)?digest=\(digest)", token: token)
        #expect(put.status == 201, "\(put.text)")
        let answer = try await registry.send(.head, "/v2/owner/app/blobs/\(digest)", token: token)
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Length"] == "\(bytes.count)")
    }

    @Test("a bucket that fails is a clean error, and what was acknowledged goes on afterwards") func failing()
        async throws
    {
        let server = try await S3Server()
        let data = try await Self.data(server)
        let registry = try await LiveRegistry.start(on: data)
        let token = try await registry.pushToken()
        let bytes = pattern(Self.part + 500)
        let digest = Digest(of: bytes)
        let known = try await registry.upload([1, 2, 3], token: token)
        let upload = try await registry.begin(token: token)
        #expect(try await registry.send(.patch, upload, token: token, body: Array(bytes[..<300])).status == 202)
        try await server.fail(10_000)
        for answer in [
            try await registry.send(.patch, upload, token: token, body: Array(bytes[300...])),
            try await registry.send(.put, "\(upload)?digest=\(digest)", token: token, body: Array(bytes[300...])),
            try await registry.send(.get, "/v2/owner/app/blobs/\(known)", token: token),
        ] {
            #expect(answer.status == 503, "\(answer.text)")
            #expect(answer.codes == ["UNAVAILABLE"])
            #expect(!answer.text.contains(S3Server.keys.id) && !answer.text.contains("127.0.0.1"))
        }
        // Parts that fail in the middle: nothing of the request is acknowledged that is not stored.
        try await server.fail(10_000, method: "PUT")
        #expect(
            try await registry.send(.patch, upload, token: token, body: Array(bytes[300...])).status == 503)
        try await server.fail(0)
        let status = try await registry.send(.get, upload, token: token)
        #expect(status.headers["Range"] == "0-299")
        #expect(try await registry.send(.head, "/v2/owner/app/blobs/\(digest)", token: token).status == 404)
        let put = try await registry.send(
            .put, "\(upload)?digest=\(digest)", token: token, body: Array(bytes[300...]))
        #expect(put.status == 201, "\(put.text)")
        try await server.kill()
        #expect(try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token).status == 503)
    }

    @Test("only a GET of bytes is sent to the bucket: HEAD, conditions and bad ranges are answered here")
    func redirects() async throws {
        let registry = try await LiveRegistry.start(on: try await Self.data(.shared))
        let token = try await registry.pushToken()
        let bytes = pattern(5000)
        let path = "/v2/owner/app/blobs/\(try await registry.upload(bytes, token: token))"
        let head = try await registry.send(.head, path, token: token)
        #expect(head.status == 200)
        #expect(head.headers["Content-Length"] == "5000")
        let etag = try #require(head.headers["ETag"])
        #expect(try await registry.send(.get, path, token: token, headers: ["If-None-Match": etag]).status == 304)
        #expect(try await registry.send(.get, path, token: token, headers: ["Range": "bytes=9000-"]).status == 416)
        let part = try await registry.send(.get, path, token: token, headers: ["Range": "bytes=10-19"])
        #expect(part.status == 307)
        let fetched = try await S3Server.get(#require(part.headers["Location"]), range: "bytes=10-19")
        #expect(fetched.status == 206)
        #expect(fetched.body == Array(bytes[10...19]))
        // Nothing to fetch.
        let empty = "/v2/owner/app/blobs/\(try await registry.upload([], token: token))"
        let answer = try await registry.send(.get, empty, token: token)
        #expect(answer.status == 200 && answer.body.isEmpty)
    }

    @Test("SEC-Upstream credential theft: the way to the bucket carries no credential of the registry, and ends soon")
    func redirectLeaksNothing() async throws {
        let registry = try await LiveRegistry.start(on: try await Self.data(.shared))
        let token = try await registry.pushToken()
        let digest = try await registry.upload(pattern(100), token: token)
        let answer = try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token)
        let address = try #require(answer.headers["Location"])
        #expect(
            !address.contains(token) && !address.contains(S3Server.keys.secret) && address.contains("X-Amz-Expires=300")
        )
        #expect(answer.headers["Cache-Control"] == "private, no-store")
        #expect(answer.headers["Authorization"] == nil && answer.body.isEmpty)
        // A blob that the caller may not read leads nowhere.
        let stranger = try await registry.send(
            .get, "/v2/owner/app/blobs/\(digest)", token: try await registry.token([], user: "other"))
        #expect(stranger.status >= 400 && stranger.headers["Location"] == nil)
    }

    @Test("FEATURE_PROXY_STORAGE: the registry sends the bytes itself, whole and in ranges") func proxies() async throws
    {
        let registry = try await LiveRegistry.start(on: try await Self.data(.shared), proxiesStorage: true)
        let token = try await registry.pushToken()
        let bytes = pattern(Self.part + 1234)
        let path = "/v2/owner/app/blobs/\(try await registry.upload(bytes, token: token))"
        let whole = try await registry.send(.get, path, token: token)
        #expect(whole.status == 200)
        #expect(whole.body == bytes)
        let part = try await registry.send(.get, path, token: token, headers: ["Range": "bytes=-10"])
        #expect(part.status == 206)
        #expect(part.body == Array(bytes.suffix(10)))
    }
}
