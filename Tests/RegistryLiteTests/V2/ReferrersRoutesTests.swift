import Foundation
import OCI
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Referrers over HTTP") struct ReferrersRoutesTests {
    private struct Index: Decodable {
        struct Entry: Decodable, Equatable {
            let mediaType: String
            let digest: String
            let size: Int
            let artifactType: String?
            let annotations: [String: String]?
        }
        let schemaVersion: Int
        let mediaType: String
        let manifests: [Entry]
    }

    private struct Desk {
        let registry: LiveRegistry
        let token: String

        init(_ engine: TestDatabase.Engine = .sqlite) async throws {
            registry = try await LiveRegistry.start(engine)
            token = try await registry.pushToken()
            try await registry.upload(Array("{}".utf8), token: token)
        }

        func artifact(
            of subject: Digest, type: String?, config: MediaType = .ociEmpty, annotations: String = "{}"
        ) -> [UInt8] {
            let type = type.map { #""artifactType":"\#($0)","# } ?? ""
            return Array(
                """
                {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)",\(type)"annotations":\(annotations),\
                "config":{"mediaType":"\(config)","digest":"\(Digest(of: Array("{}".utf8)))","size":2},"layers":[],\
                "subject":{"mediaType":"\(MediaType.ociImage)","digest":"\(subject)","size":123}}
                """.utf8)
        }

        @discardableResult
        func push(_ body: [UInt8], as reference: String? = nil, type: MediaType = .ociImage) async throws -> Digest {
            let digest = Digest(of: body)
            let put = try await registry.send(
                .put, "/v2/owner/app/manifests/\(reference ?? digest.text)", token: token,
                headers: ["Content-Type": type.text], body: body)
            #expect(put.status == 201, "\(put.text)")
            return digest
        }

        func list(_ subject: Digest, query: String = "") async throws -> (Index, WebResponse) {
            let answer = try await registry.send(.get, "/v2/owner/app/referrers/\(subject)\(query)", token: token)
            #expect(answer.status == 200)
            #expect(answer.headers["Content-Type"] == MediaType.ociIndex.text)
            return (try JSONDecoder().decode(Index.self, from: Foundation.Data(answer.body)), answer)
        }
    }

    @Test("are an index of descriptors with type, size and annotations", arguments: TestDatabase.allEngines)
    func descriptors(_ engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        // The subject need not exist.
        let subject = Digest(of: [1])
        let typed = desk.artifact(of: subject, type: "application/x.sbom", annotations: #"{"a":"b\u0000é"}"#)
        let byConfig = desk.artifact(of: subject, type: nil, config: .ociConfig)
        let index = Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[],\
            "subject":{"mediaType":"\(MediaType.ociImage)","digest":"\(subject)","size":123}}
            """.utf8)
        for body in [typed, byConfig] { try await desk.push(body) }
        try await desk.push(index, type: .ociIndex)
        let (answer, _) = try await desk.list(subject)
        #expect(answer.schemaVersion == 2)
        #expect(answer.mediaType == MediaType.ociIndex.text)
        let expected = [
            Index.Entry(
                mediaType: MediaType.ociImage.text, digest: Digest(of: typed).text, size: typed.count,
                artifactType: "application/x.sbom", annotations: ["a": "b\u{0}é"]),
            Index.Entry(
                mediaType: MediaType.ociImage.text, digest: Digest(of: byConfig).text, size: byConfig.count,
                artifactType: MediaType.ociConfig.text, annotations: nil),
            Index.Entry(
                mediaType: MediaType.ociIndex.text, digest: Digest(of: index).text, size: index.count,
                artifactType: nil, annotations: nil),
        ]
        #expect(answer.manifests == expected.sorted { $0.digest < $1.digest })
        let head = try await desk.registry.send(.head, "/v2/owner/app/referrers/\(subject)", token: desk.token)
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
    }

    @Test("are filtered by artifact type, encoded or not, and the answer says so") func filter() async throws {
        let desk = try await Desk()
        let subject = Digest(of: [1])
        let type = "application/vnd.example+json"
        let wanted = try await desk.push(desk.artifact(of: subject, type: type))
        try await desk.push(desk.artifact(of: subject, type: "application/other"))
        for query in ["?artifactType=\(type)", "?artifactType=application%2Fvnd.example%2Bjson"] {
            let (index, answer) = try await desk.list(subject, query: query)
            #expect(index.manifests.map(\.digest) == [wanted.text])
            #expect(answer.headers["OCI-Filters-Applied"] == "artifactType")
        }
        let (none, _) = try await desk.list(subject, query: "?artifactType=none/such")
        #expect(none.manifests.isEmpty)
        #expect(try await desk.list(subject).1.headers["OCI-Filters-Applied"] == nil)
    }

    @Test("come page by page, each once", arguments: TestDatabase.allEngines)
    func pages(_ engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let subject = Digest(of: [1])
        var pushed: [String] = []
        for number in 0..<7 {
            let body = desk.artifact(of: subject, type: "a/b+c", annotations: #"{"n":"\#(number)"}"#)
            pushed.append(try await desk.push(body).text)
        }
        try await desk.push(desk.artifact(of: subject, type: "x/y"))
        var seen: [String] = []
        var path: String? = "/v2/owner/app/referrers/\(subject)?n=3&artifactType=a/b%2Bc"
        while let next = path {
            let answer = try await desk.registry.send(.get, next, token: desk.token)
            let index = try JSONDecoder().decode(Index.self, from: Foundation.Data(answer.body))
            #expect(index.manifests.count <= 3)
            #expect(answer.headers["OCI-Filters-Applied"] == "artifactType")
            seen += index.manifests.map(\.digest)
            path = answer.headers["Link"].map { String($0.dropFirst().prefix { $0 != ">" }) }
            if let link = answer.headers["Link"] { #expect(link.hasSuffix(">; rel=\"next\"")) }
        }
        #expect(seen == pushed.sorted())
    }

    @Test("SEC-Resource exhaustion: a page of referrers with large annotations ends early") func largePages()
        async throws
    {
        let desk = try await Desk()
        let subject = Digest(of: [1])
        let text = String(repeating: "x", count: 600_000)
        for number in 0..<3 {
            try await desk.push(desk.artifact(of: subject, type: "a/b", annotations: #"{"\#(number)":"\#(text)"}"#))
        }
        let (first, answer) = try await desk.list(subject)
        #expect(first.manifests.count == 1)
        #expect(answer.headers["Link"] != nil)
    }

    @Test("of nothing are an empty index, also in a repository that does not exist; a broken digest is refused")
    func empty() async throws {
        let desk = try await Desk()
        let (index, answer) = try await desk.list(Digest(of: [9]))
        #expect(index.manifests.isEmpty)
        #expect(answer.text.contains(#""manifests":[]"#))
        let token = try await desk.registry.token(["repository:owner/nothing:pull"])
        let missing = try await desk.registry.send(
            .get, "/v2/owner/nothing/referrers/\(Digest(of: [9]))", token: token)
        #expect(missing.status == 200)
        #expect(missing.text == answer.text)
        for text in ["sha256:abc", "latest", "md5:\(String(repeating: "a", count: 32))"] {
            let broken = try await desk.registry.send(.get, "/v2/owner/app/referrers/\(text)", token: desk.token)
            #expect(broken.status == 400)
            #expect(broken.codes == ["DIGEST_INVALID"])
        }
    }

    @Test("SEC-Enumeration, timing: whoever may not read gets the same answer for a repository that exists or not")
    func strangers() async throws {
        let desk = try await Desk()
        let other = try await desk.registry.token(
            ["repository:owner/app:pull", "repository:owner/nothing:pull"], user: "other")
        for name in ["app", "nothing"] {
            let answer = try await desk.registry.send(
                .get, "/v2/owner/\(name)/referrers/\(Digest(of: [1]))", token: other)
            #expect(answer.status == 401)
            #expect(answer.codes == ["UNAUTHORIZED"])
        }
    }

    @Test("pushed by clients of the tag schema are listed as well") func tagSchema() async throws {
        let desk = try await Desk()
        let subject = Digest(of: [1])
        let body = desk.artifact(of: subject, type: "a/b")
        let digest = try await desk.push(body)
        let index = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[{"mediaType":"\(MediaType.ociImage)",\
            "digest":"\(digest)","size":\(body.count)}]}
            """
        try await desk.push(Array(index.utf8), as: "sha256-\(subject.hex)", type: .ociIndex)
        #expect(try await desk.list(subject).0.manifests.map(\.digest) == [digest.text])
    }
}
