import Domain
import Foundation
import NIOCore
import OCI
import SQL
import TestSupport

@testable import RegistryCore

/// The repositories `owner/app`, `owner/second` and `other/app`, into which images are pushed as clients push them.
struct TagRoom {
    let fixture: BuildFixture
    let registry: Registry
    var database: TestDatabase { fixture.database }

    init(_ engine: TestDatabase.Engine = .sqlite, settings: TagSettings = TagSettings()) async throws {
        fixture = try await BuildFixture(engine)
        registry = Registry(
            platform: fixture.platform,
            site: SiteSettings(hostname: "registry.test", library: try Username("library"), tags: settings))
    }

    func proof(
        _ repository: String = "owner/app", _ role: RepositoryRole = .admin, for caller: Caller? = nil
    ) async throws -> RepositoryAccess {
        try await fixture.proof(repository, role, for: caller)
    }

    /// The proof of somebody who may write and no more.
    func writer() async throws -> RepositoryAccess {
        try await proof("owner/app", .write, for: fixture.caller(scopes: .only([.repositoryWrite])))
    }

    func upload(_ text: String, to access: RepositoryAccess) async throws -> Digest {
        let digest = Digest(of: Array(text.utf8))
        let upload = try await registry.blobUploads.begin(in: access)
        let stream = AsyncThrowingStream<ByteBuffer, any Error> { input in
            input.yield(ByteBuffer(string: text))
            input.finish()
        }
        _ = try await registry.blobUploads.finish(upload.uuid, with: stream, digest: digest, in: access)
        return digest
    }

    /// The manifest of an image whose one layer is `text`, with its blobs uploaded.
    func image(
        _ text: String, labels: [String: String] = [:], config: String? = nil, in access: RepositoryAccess
    ) async throws -> [UInt8] {
        let json = String(decoding: try JSONEncoder().encode(labels), as: UTF8.self)
        let config = config ?? #"{"architecture":"amd64","os":"linux","config":{"Labels":\#(json)}}"#
        let configDigest = try await upload(config, to: access)
        let layer = try await upload(text, to: access)
        return Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)","config":{"mediaType":"\(MediaType.ociConfig)",\
            "digest":"\(configDigest)","size":\(config.utf8.count)},"layers":[{"mediaType":\
            "\(MediaType.ociLayerGzip)","digest":"\(layer)","size":\(text.utf8.count)}]}
            """.utf8)
    }

    @discardableResult
    func push(
        _ tag: String?, _ body: [UInt8], type: MediaType = .ociImage, in access: RepositoryAccess
    ) async throws -> Digest {
        let digest = Digest(of: body)
        let reference: ManifestReference = if let tag { .tag(try TagName(tag)) } else { .digest(digest) }
        return try await registry.manifests.put(body, contentType: type.text, reference: reference, in: access).digest
    }

    /// An image of that text, pushed to a tag of `owner/app`.
    @discardableResult
    func push(_ tag: String?, _ text: String, labels: [String: String] = [:]) async throws -> Digest {
        let access = try await proof()
        return try await push(tag, try await image(text, labels: labels, in: access), in: access)
    }

    /// An index of images, pushed to a tag of `owner/app`; attestations are marked as build tools mark them.
    func pushIndex(_ tag: String, _ images: [Digest], attestations: [Digest] = []) async throws -> Digest {
        let entries =
            images.map { #"{"mediaType":"\#(MediaType.ociImage)","digest":"\#($0)","size":2}"# }
            + attestations.map {
                #"""
                {"mediaType":"\#(MediaType.ociImage)","digest":"\#($0)","size":2,
                 "annotations":{"vnd.docker.reference.type":"attestation-manifest"}}
                """#
            }
        let body =
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":["# + entries.joined(separator: ",")
            + "]}"
        return try await push(tag, Array(body.utf8), type: .ociIndex, in: proof())
    }

    func lines(
        _ filter: TagHistoryStore.Filter = .init(), repository: String = "owner/app"
    ) async throws -> [TagHistoryService.Line] {
        try await registry.tagHistory.list(filter, from: .skipping(0), limit: 100, in: proof(repository)).lines
    }

    /// The alive tag of that name in `owner/app`.
    func tag(_ name: String) async throws -> TagStore.Pointer? {
        let (name, now) = (try TagName(name), fixture.now)
        return try await database.read { try TagStore.alive(name, inRepository: 1, at: now, in: $0) }
    }

    /// The end of an alive tag in seconds after its start; nil for one that doesn't expire or isn't there.
    func lifetime(_ name: String) async throws -> TimeInterval? {
        guard let tag = try await tag(name), let end = tag.lifetime.end else { return nil }
        return end.timeIntervalSince(tag.lifetime.start)
    }

    /// Kind and metadata of the usage log's entries, oldest first, without pushes and what every entry has.
    func log() async throws -> [String] {
        try await database.read { transaction in
            try transaction.rows(
                "SELECT kind, metadata_json FROM audit_log WHERE kind <> 'push_repo' ORDER BY id"
            ).map { row in
                let metadata = try JSONDecoder().decode(
                    [String: String].self, from: Data(try row.text("metadata_json").utf8)
                ).filter { !["repo", "namespace", "username", "uuid"].contains($0.key) }
                return try row.text("kind") + " "
                    + metadata.map { "\($0)=\($1.prefix(19))" }.sorted().joined(separator: " ")
            }
        }
    }

    func kind(_ body: () async throws -> Void) async throws -> RegistryError.Kind? {
        do { try await body() } catch let error as RegistryError { return error.kind }
        return nil
    }
}
