import Domain
import Foundation
import NIOCore
import OCI
import ObjectStorage
import Runtime
import SQL
import TestSupport

@testable import RegistryCore

/// A registry with an owner who pushes small images, and a collector.
struct Depot: Sendable {
    /// The time machine of a new namespace, in seconds.
    static let window: TimeInterval = 1_209_600

    let core: CoreFixture
    let owner: Account
    let caller: Caller

    init(_ engine: TestDatabase.Engine = .sqlite, repositories: [String] = ["owner/app"]) async throws {
        core = try await CoreFixture(engine)
        owner = try await core.user("owner")
        caller = try core.caller(owner)
        for name in repositories { try await core.repository(name, of: owner) }
    }

    var registry: Registry { core.registry }

    func proof(_ name: String = "owner/app", _ role: RepositoryRole = .write) async throws -> RepositoryAccess {
        try await registry.access.repository(RepositoryName(name), role, for: caller)
    }

    static func digest(_ text: String) -> Digest { Digest(of: Array(text.utf8)) }

    @discardableResult
    func upload(_ text: String, to name: String = "owner/app") async throws -> Blob {
        let access = try await proof(name)
        let upload = try await registry.blobUploads.begin(in: access)
        return try await registry.blobUploads.finish(
            upload.uuid, with: Self.stream(text), digest: Self.digest(text), in: access)
    }

    static func stream(_ text: String) -> AsyncThrowingStream<ByteBuffer, any Error> {
        AsyncThrowingStream { input in
            input.yield(ByteBuffer(string: text))
            input.finish()
        }
    }

    static func image(config: String = "config", layers: [String], subject: Digest? = nil) -> [UInt8] {
        let layers = layers.map { layer in
            #"{"mediaType":"\#(MediaType.ociLayerGzip)","digest":"\#(digest(layer))","size":\#(layer.utf8.count)}"#
        }
        return Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)",\
            "config":{"mediaType":"\(MediaType.ociConfig)","digest":"\(digest(config))","size":\(config.utf8.count)},\
            "layers":[\(layers.joined(separator: ","))]\(member(subject))}
            """.utf8)
    }

    static func index(_ children: [Digest], subject: Digest? = nil) -> [UInt8] {
        let children = children.map { #"{"mediaType":"\#(MediaType.ociImage)","digest":"\#($0)","size":2}"# }
        return Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)",\
            "manifests":[\(children.joined(separator: ","))]\(member(subject))}
            """.utf8)
    }

    private static func member(_ subject: Digest?) -> String {
        subject.map { #","subject":{"mediaType":"\#(MediaType.ociImage)","digest":"\#($0)","size":2}"# } ?? ""
    }

    /// Stores a manifest under a tag, or under its digest alone.
    @discardableResult
    func push(_ body: [UInt8], tag: String? = nil, to name: String = "owner/app") async throws -> Digest {
        let digest = Digest(of: body)
        let reference: ManifestReference = try tag.map { .tag(try TagName($0)) } ?? .digest(digest)
        _ = try await registry.manifests.put(
            body, contentType: nil, reference: reference, in: proof(name))
        return digest
    }

    /// Uploads what an image of one layer needs, and stores it.
    @discardableResult
    func pushImage(
        _ layer: String, tag: String? = nil, subject: Digest? = nil, to name: String = "owner/app"
    ) async throws -> Digest {
        try await upload("config", to: name)
        try await upload(layer, to: name)
        return try await push(Self.image(layers: [layer], subject: subject), tag: tag, to: name)
    }

    func delete(tag: String, from name: String = "owner/app") async throws {
        try await registry.manifests.delete(.tag(try TagName(tag)), in: proof(name))
    }

    @discardableResult
    func collect() async throws -> CollectionStep.Counts {
        try await CollectionStep(platform: core.platform).run() ?? CollectionStep.Counts()
    }

    func hasManifest(_ digest: Digest, in name: String = "owner/app") async throws -> Bool {
        let id = try await proof(name).repository.id
        return try await core.database.read { try ManifestStore.find(digest, inRepository: id, in: $0) } != nil
    }

    /// Whether the repository links the blob and its bytes can be read.
    func hasBlob(_ text: String, in name: String = "owner/app") async throws -> Bool {
        let id = try await proof(name).repository.id
        let blob = try await core.database.read {
            try BlobStore.find(Self.digest(text), inRepository: id, in: $0)
        }
        guard let blob else { return false }
        return try await core.platform.objects.content(of: blob.key)?.sizeBytes == Int64(text.utf8.count)
    }

    func rows(_ query: Query) async throws -> Int {
        Int(try await core.database.read { try $0.number(query) } ?? 0)
    }
}
