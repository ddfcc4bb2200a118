import Domain
import Foundation
import OCI
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("The pull log") struct PullLogTests {
    private struct Entry: Equatable {
        let performer: Int64?
        let metadata: [String: String]
    }

    private static func entries(_ core: CoreFixture) async throws -> [Entry] {
        try await core.database.read { transaction in
            try transaction.rows(
                "SELECT performer_id, metadata_json FROM audit_log WHERE kind = 'pull_repo' ORDER BY id"
            ).map { row in
                Entry(
                    performer: try row.integerIfAny("performer_id"),
                    metadata: try JSONDecoder().decode(
                        [String: String].self, from: Data(try row.text("metadata_json").utf8)))
            }
        }
    }

    @Test("tells who pulled what, by which credential", arguments: TestDatabase.allEngines)
    func identities(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let owner = try await core.user("owner")
        let repository = try await core.repository("owner/app", of: owner, .public)
        let robot = try await core.robot("owner+ci", of: owner)
        try await core.permit("owner+ci", .read, in: "owner/app", by: owner)
        let user = try core.registry.access.user(.userAdmin, for: core.caller(owner))
        let app = try await core.registry.appTokens.create("laptop", for: user, ip: nil)
        let oauth = try await core.registry.oauthTokens.initialToken(for: owner)
        let draft = try core.registry.delegateTokens.draft()
        try await core.database.write {
            try DelegateTokenService.issue(draft, named: "hook", repositoryID: repository.id, role: .read, in: $0)
        }
        let digest = try Digest("sha256:" + String(repeating: "a", count: 64))
        let callers: [(Caller, ManifestReference, [String: String])] = [
            (.anonymous, .tag(try TagName("v1")), ["tag": "v1"]),
            (
                try await core.registry.basic.caller(CoreFixture.basic("owner", "password")), .digest(digest),
                ["manifest_digest": digest.text, "username": "owner"]
            ),
            (
                try await core.registry.basic.caller(CoreFixture.basic("owner+ci", robot.token.text)),
                .tag(try TagName("v1")), ["tag": "v1", "username": "owner+ci", "is_robot": "true"]
            ),
            (
                try await core.registry.basic.caller(CoreFixture.basic("$app", app.code.text)),
                .tag(try TagName("v1")),
                [
                    "tag": "v1", "username": "owner", "app_specific_token": app.token.uuid,
                    "app_specific_token_title": "laptop",
                ]
            ),
            (
                try await core.registry.basic.caller(CoreFixture.basic("$token", draft.token.text)),
                .tag(try TagName("v1")), ["tag": "v1", "token": "hook"]
            ),
            (
                try await core.registry.basic.caller(CoreFixture.basic("$oauthtoken", oauth.text)),
                .tag(try TagName("v1")), ["tag": "v1", "username": "owner"]
            ),
        ]
        for (caller, reference, _) in callers {
            let access = try await core.registry.access.repository(RepositoryName("owner/app"), .read, for: caller)
            try core.registry.pullLog.record(reference, in: access, ip: "192.0.2.1", userAgent: "podman/5")
        }
        #expect(try await Self.entries(core).isEmpty)
        try await core.registry.pullLog.flush()
        try await core.registry.pullLog.flush()
        let entries = try await Self.entries(core)
        #expect(entries.count == callers.count)
        for (entry, (caller, _, expected)) in zip(entries, callers) {
            #expect(entry.performer == caller.accountID)
            for (key, value) in expected.merging(
                ["repo": "app", "namespace": "owner", "user-agent": "podman/5"], uniquingKeysWith: { $1 })
            { #expect(entry.metadata[key] == value, "\(caller.credential) \(key)") }
        }
        #expect(entries.last?.metadata["oauth_token_application"] == "Initial access token")
    }

    @Test(
        "a database that takes nothing keeps pulls waiting, and then refuses them or lets them go",
        arguments: [false, true])
    func full(allowsLoss: Bool) async throws {
        let core = try await CoreFixture { $0.pullLog.allowsUnloggedPulls = allowsLoss }
        let owner = try await core.user("owner")
        try await core.repository("owner/app", of: owner, .public)
        let access = try await core.registry.access.repository(RepositoryName("owner/app"), .read, for: .anonymous)
        func pull() throws {
            try core.registry.pullLog.record(.tag(TagName("v1")), in: access, ip: nil, userAgent: nil)
        }
        try pull()
        await core.database.close()
        await #expect(throws: (any Error).self) { try await core.registry.pullLog.flush() }
        for _ in 1..<PullLog.capacity { try pull() }
        let kind = try await CoreFixture.kind { try pull() }
        #expect(kind == (allowsLoss ? nil : .unavailable))
    }

    @Test("namespaces that the configuration names have no pulls in the log") func unlogged() async throws {
        let core = try await CoreFixture { $0.pullLog.unloggedNamespaces = ["owner"] }
        let owner = try await core.user("owner")
        try await core.repository("owner/app", of: owner, .public)
        let access = try await core.registry.access.repository(RepositoryName("owner/app"), .read, for: .anonymous)
        try core.registry.pullLog.record(.tag(TagName("v1")), in: access, ip: nil, userAgent: nil)
        try await core.registry.pullLog.flush()
        #expect(try await Self.entries(core).isEmpty)
    }

    @Test("many pulls at once are all written, in order") func many() async throws {
        let core = try await CoreFixture()
        let owner = try await core.user("owner")
        try await core.repository("owner/app", of: owner, .public)
        let access = try await core.registry.access.repository(RepositoryName("owner/app"), .read, for: .anonymous)
        for number in 0..<5000 {
            try core.registry.pullLog.record(.tag(TagName("v\(number)")), in: access, ip: nil, userAgent: nil)
        }
        try await core.registry.pullLog.flush()
        #expect(try await Self.entries(core).map { $0.metadata["tag"] } == (0..<5000).map { "v\($0)" })
    }
}
