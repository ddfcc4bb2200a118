import Domain
import OCI
import Testing

@testable import RegistryLite

@Suite("Paths of /v2") struct V2PathTests {
    static let digest = "sha256:\(String(repeating: "ab", count: 32))"

    func parse(_ path: String) throws -> V2Path { try V2Path(path, library: Username("library")) }

    @Test("are read from the right, whatever the repository is called")
    func reads() throws {
        let app = try RepositoryName("owner/app")
        let nested = try RepositoryName("owner/blobs/uploads/tags/list")
        let digest = try Digest(Self.digest)
        #expect(try parse("/v2") == .root)
        #expect(try parse("/v2/") == .root)
        #expect(try parse("/v2/auth") == .token)
        #expect(try parse("/v2/_catalog") == .catalog)
        #expect(try parse("/v2/owner/app/blobs/uploads/") == .uploads(app))
        #expect(try parse("/v2/owner/app/blobs/uploads") == .uploads(app))
        #expect(try parse("/v2/owner/app/blobs/uploads/x-1") == .upload(app, uuid: "x-1"))
        #expect(try parse("/v2/owner/app/blobs/\(Self.digest)") == .blob(app, digest))
        #expect(try parse("/v2/owner/app/blobs/sha256%3A\(Self.digest.dropFirst(7))") == .blob(app, digest))
        #expect(try parse("/v2/owner/app/manifests/v1") == .manifest(app, reference: "v1"))
        #expect(try parse("/v2/owner/app/tags/list") == .tags(app))
        #expect(try parse("/v2/owner/app/referrers/\(Self.digest)") == .referrers(app, digest))
        #expect(try parse("/v2/owner/blobs/uploads/tags/list/manifests/x") == .manifest(nested, reference: "x"))
        #expect(try parse("/v2/busybox/tags/list") == .tags(RepositoryName("library/busybox")))
    }

    @Test(
        "of nothing, of broken names and of broken digests are told apart",
        arguments: [
            ("/v2/owner", V2Path.Malformed.unknown), ("/v2/owner/app", .unknown), ("/v2/owner/app/what/ever", .unknown),
            ("/v2//tags/list", .name("")), ("/v2/Owner/app/tags/list", .name("Owner/app")),
            ("/v2/owner//app/tags/list", .name("owner//app")), ("/v2/owner/../app/tags/list", .name("owner/../app")),
            ("/v2/owner%2Fapp/tags/list", .unknown), ("/v2/owner/a%ZZ/tags/list", .unknown),
            ("/v2/owner/a%00/tags/list", .name("owner/a\u{0}")), ("/v2/owner/app/blobs/sha256:1", .digest("sha256:1")),
            ("/v2/owner/app/blobs/..", .digest("..")), ("/v1/owner/app/tags/list", .unknown), ("/", .unknown),
        ])
    func refuses(_ path: String, _ expected: V2Path.Malformed) {
        #expect(throws: expected) { try parse(path) }
    }
}
