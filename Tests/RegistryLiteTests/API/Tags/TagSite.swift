import Domain
import Foundation
import NIOCore
import OCI
import RegistryCore
import TestSupport
import WebRequests

@testable import RegistryLite

/// A site with the repository `alice/app` and a way to push images into repositories.
struct TagSite {
    let site: SiteFixture
    /// Alice's, with every scope.
    let token: String
    let path = "/api/v1/repository/alice/app"

    init(_ engine: TestDatabase.Engine = .sqlite) async throws {
        site = try await SiteFixture(engine)
        token = try await site.token("alice")
        try await repository("app", token)
    }

    func repository(_ name: String, _ token: String) async throws {
        _ = try await site.send(
            .post, "/api/v1/repository",
            #"{"repository":"\#(name)","visibility":"private","description":""}"#,
            as: token)
    }

    /// Pushes an image whose one layer is `text`, as the owner of the repository.
    @discardableResult
    func push(
        _ tag: String, _ text: String, labels: [String: String] = [:],
        to repository: String = "alice/app",
        history: String = "[]"
    ) async throws -> Digest {
        let name = try RepositoryName(repository)
        guard let account = try await site.services.accounts.user(named: name.namespace) else {
            throw RegistryError(.notFound, "no \(name.namespace)")
        }
        let access = try await site.services.access.repository(
            name, .write,
            for: Caller(identity: .user(id: account.id, name: name.namespace), credential: .password))
        let json = String(decoding: try JSONEncoder().encode(labels), as: UTF8.self)
        let config =
            #"{"architecture":"amd64","os":"linux","config":{"Labels":\#(json)},"history":\#(history)}"#
        let configDigest = try await upload(config, in: access)
        let layer = try await upload(text, in: access)
        let body = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)","config":{"mediaType":"\(MediaType.ociConfig)",\
            "digest":"\(configDigest)","size":\(config.utf8.count)},"layers":[{"mediaType":\
            "\(MediaType.ociLayerGzip)","digest":"\(layer)","size":\(text.utf8.count)}]}
            """
        return try await site.services.manifests.put(
            Array(body.utf8), contentType: MediaType.ociImage.text, reference: .tag(try TagName(tag)),
            in: access
        ).digest
    }

    private func upload(_ text: String, in access: RepositoryAccess) async throws -> Digest {
        let digest = Digest(of: Array(text.utf8))
        let upload = try await site.services.blobUploads.begin(in: access)
        let stream = AsyncThrowingStream<ByteBuffer, any Error> { input in
            input.yield(ByteBuffer(string: text))
            input.finish()
        }
        _ = try await site.services.blobUploads.finish(
            upload.uuid, with: stream, digest: digest, in: access)
        return digest
    }

    /// The tags of a list's answer by name, in order.
    func names(_ query: String = "") async throws -> [String] {
        let answer = try await site.send(.get, path + "/tag/" + query, as: token)
        return (answer.json["tags"]?.array ?? []).compactMap { $0["name"]?.string }
    }
}
