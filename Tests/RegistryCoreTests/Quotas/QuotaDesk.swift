import Domain
import Foundation
import NIOCore
import OCI
import Runtime
import SQL
import TestSupport

@testable import RegistryCore

/// A registry with quota management, the superuser `root`, and the repositories `owner/app`, `owner/second` and
/// `other/app`.
struct QuotaDesk: Sendable {
    let core: CoreFixture
    let owner: Account
    let other: Account
    let superuser: SuperuserAccess

    init(_ engine: TestDatabase.Engine, systemRejectBytes: Int64 = 0) async throws {
        core = try await CoreFixture(engine, quotas: QuotaSettings(isOn: true, systemRejectBytes: systemRejectBytes))
        owner = try await core.user("owner")
        other = try await core.user("other")
        for name in ["owner/app", "owner/second"] { try await core.repository(name, of: owner) }
        try await core.repository("other/app", of: other)
        let root = try await core.user("root")
        try await core.database.write { try $0.run("UPDATE account SET superuser = 1 WHERE name = 'root'") }
        superuser = try await core.registry.access.superuser(for: core.caller(root))
    }

    /// Sets the quota of `owner` with its limits.
    func limit(
        bytes: Int64, tags: Int64? = nil, _ limits: (QuotaLimit.Kind, Int)..., of name: String = "owner"
    ) async throws {
        let name = try Username(name)
        let quotas = core.registry.quotas
        try await quotas.create(limitBytes: bytes, limitTags: tags, for: name, by: superuser, ip: nil)
        let id = try await quotas.report(of: name, by: superuser).quota?.id ?? 0
        for (kind, percent) in limits {
            try await quotas.addLimit(kind, percent: percent, to: id, of: name, by: superuser, ip: nil)
        }
    }

    func proof(_ name: String = "owner/app") async throws -> RepositoryAccess {
        let caller = try core.caller(name.hasPrefix("owner") ? owner : other)
        return try await core.registry.access.repository(RepositoryName(name), .write, for: caller)
    }

    @discardableResult
    func upload(_ text: String, to name: String = "owner/app") async throws -> Blob {
        let access = try await proof(name)
        let upload = try await core.registry.blobUploads.begin(in: access)
        return try await core.registry.blobUploads.finish(
            upload.uuid, with: Self.stream(text), digest: Digest(of: Array(text.utf8)), in: access)
    }

    /// An artifact without blobs of its own but the config `{}`, which must be there; every `name` has other bytes.
    func push(_ name: String, tags: [String], to repository: String = "owner/app") async throws {
        let config = Digest(of: Array("{}".utf8))
        let body = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)","artifactType":"text/\(name)",\
            "config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"\(config)","size":2},"layers":[]}
            """
        _ = try await core.registry.manifests.put(
            Array(body.utf8), contentType: nil, reference: .tag(TagName(tags[0])),
            tags: tags.dropFirst().map { try TagName($0) }, in: proof(repository))
    }

    func usage(of name: String = "owner") async throws -> QuotaUsage? {
        try await core.registry.quotas.report(of: Username(name), by: superuser).usage
    }

    /// What the namespace really holds.
    func truth(of name: String = "owner") async throws -> QuotaUsage {
        let now = core.now
        return try await core.database.read { transaction in
            let id = try transaction.number("SELECT id FROM account WHERE name = \(name)") ?? 0
            return try QuotaUsageStore.count(namespaceID: id, at: now, in: transaction)
        }
    }

    func number(_ query: Query) async throws -> Int64 {
        try await core.database.read { try $0.number(query) ?? 0 }
    }

    /// Takes every link and manifest out of a repository, as a collection does.
    func collect(_ repository: String, saying isSaid: Bool = true) async throws {
        let access = try await proof(repository)
        try await core.database.write { transaction in
            let id = access.repository.id
            try transaction.run("DELETE FROM tag WHERE repository_id = \(id)")
            try transaction.run(
                "DELETE FROM manifest_blob WHERE manifest_id IN (SELECT id FROM manifest WHERE repository_id = \(id))")
            try transaction.run("DELETE FROM manifest WHERE repository_id = \(id)")
            try transaction.run("DELETE FROM repository_blob WHERE repository_id = \(id)")
            if isSaid {
                try QuotaUsageStore.released(inNamespace: access.repository.namespaceID, in: transaction)
            }
        }
    }

    static func stream(_ text: String) -> AsyncThrowingStream<ByteBuffer, any Error> {
        AsyncThrowingStream { input in
            input.yield(ByteBuffer(string: text))
            input.finish()
        }
    }
}
