import Domain
import Foundation
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Basic credentials") struct BasicCredentialsTests {
    @Test("no header is nobody")
    func anonymous() async throws {
        let core = try await CoreFixture()
        #expect(try await core.registry.basic.caller(nil).isAnonymous)
    }

    @Test(
        "a user, a robot, a delegate token and an OAuth token act as what they are", arguments: TestDatabase.allEngines)
    func kinds(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice")
        let robot = try await core.robot("alice+ci", of: user)
        let repository = try await core.repository("alice/app", of: user)
        let basic = core.registry.basic
        #expect(try await basic.caller(CoreFixture.basic("alice", "password")).name == "alice")
        #expect(try await basic.caller(CoreFixture.basic("alice+ci", robot.token.text)).name == "alice+ci")
        let oauth = try await core.registry.oauthTokens.initialToken(for: user)
        let byToken = try await basic.caller(CoreFixture.basic("$oauthtoken", oauth.text))
        #expect(byToken.name == "alice")
        #expect(byToken.scopes == .only(Set(Scope.allCases)))
        let draft = try core.registry.delegateTokens.draft()
        try await core.database.write {
            try DelegateTokenService.issue(draft, named: "hook", repositoryID: repository.id, role: .write, in: $0)
        }
        let delegate = try await basic.caller(CoreFixture.basic("$token", draft.token.text))
        guard case .repositoryToken(let grant) = delegate.identity else {
            Issue.record("\(delegate)")
            return
        }
        #expect(grant.repositoryID == repository.id)
        #expect(grant.role == .write)
    }

    @Test(
        "what is not a Basic header, or holds no such credential, is refused",
        arguments: [
            "", "Basic", "Basic ", "Basic !!!", "Bearer abc", "Basic YWxpY2U=", CoreFixture.basic("", ""),
            CoreFixture.basic("alice", "wrong"), CoreFixture.basic("alice+ci", "WRONG"),
            CoreFixture.basic("alice+no", "X"),
            CoreFixture.basic("+", ""), CoreFixture.basic("$token", "short"),
            CoreFixture.basic("$token", String(repeating: "A", count: 64)), CoreFixture.basic("$oauthtoken", "x"),
            CoreFixture.basic("$oauthtoken", String(repeating: "a", count: 40)), CoreFixture.basic("$app", "x"),
            CoreFixture.basic("$app", ""),
            CoreFixture.basic("$app", "YTpi"), CoreFixture.basic("$app", String(repeating: "A", count: 108)),
            CoreFixture.basic("alice", "ep1."), CoreFixture.basic("alice", "ep1." + String(repeating: "A", count: 200)),
            CoreFixture.basic("$", ""), CoreFixture.basic("a\u{0}b", "password"),
            CoreFixture.basic("a\u{0}b+c", "password"),
        ])
    func refused(_ header: String) async throws {
        let core = try await CoreFixture()
        let user = try await core.user("alice")
        _ = try await core.robot("alice+ci", of: user)
        #expect(
            try await CoreFixture.kind { _ = try await core.registry.basic.caller(header) } == .badCredentials)
    }

    @Test(
        "a robot's new token ends its old one, a deleted robot has none, a disabled owner's is refused",
        arguments: TestDatabase.allEngines)
    func robotToken(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice")
        let old = try await core.robot("alice+ci", of: user)
        let access = try await core.namespace("alice", of: user)
        let new = try await core.registry.robots.regenerate(Username("ci"), in: access)
        #expect(new.token.text != old.token.text)
        #expect(new.token.text.count == 64)
        #expect(try await refusal("alice+ci", old.token, core) == .badCredentials)
        #expect(try await refusal("alice+ci", new.token, core) == nil)
        try await core.database.write { try $0.run("UPDATE account SET enabled = 0 WHERE name = 'alice'") }
        #expect(try await refusal("alice+ci", new.token, core) == .badCredentials)
        try await core.database.write { try $0.run("UPDATE account SET enabled = 1 WHERE name = 'alice'") }
        try await core.registry.robots.delete(Username("ci"), in: access)
        #expect(try await refusal("alice+ci", new.token, core) == .badCredentials)
    }

    @Test(
        "SEC-Secrets shown to readers: robot and delegate tokens stand encrypted in the database, OAuth tokens hashed")
    func atRest() async throws {
        let core = try await CoreFixture()
        let user = try await core.user("alice")
        let robot = try await core.robot("alice+ci", of: user)
        let oauth = try await core.registry.oauthTokens.initialToken(for: user)
        let repository = try await core.repository("alice/app", of: user)
        let draft = try core.registry.delegateTokens.draft()
        try await core.database.write {
            try DelegateTokenService.issue(draft, named: "", repositoryID: repository.id, role: .read, in: $0)
        }
        let stored = try await core.database.read { transaction in
            try ["account", "robot", "oauth_token", "oauth_application", "delegate_token"].flatMap {
                table -> [String] in
                switch table {
                case "account": try transaction.rows("SELECT * FROM account").map { "\($0)" }
                case "robot": try transaction.rows("SELECT * FROM robot").map { "\($0)" }
                case "oauth_token": try transaction.rows("SELECT * FROM oauth_token").map { "\($0)" }
                case "oauth_application": try transaction.rows("SELECT * FROM oauth_application").map { "\($0)" }
                default: try transaction.rows("SELECT * FROM delegate_token").map { "\($0)" }
                }
            }
        }.joined()
        for secret in [
            robot.token.text, String(oauth.text.dropFirst(20)), String(draft.token.text.dropFirst(32)), "password:",
        ] {
            #expect(!stored.contains(secret))
        }
    }

    @Test("a build's token lives as long as its attempt", arguments: TestDatabase.allEngines)
    func attempt(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let repository = try await core.repository("alice/app", of: try await core.user("alice"))
        let draft = try core.registry.delegateTokens.draft()
        let attempt = try await core.database.write { transaction -> Int64 in
            let build = try transaction.number(
                """
                INSERT INTO build (uuid, repository_id, job_config_json, phase, display_name, started_ms)
                VALUES ('b', \(repository.id), '{}', 'building', 'x', 0) RETURNING id
                """)
            let attempt = try transaction.number(
                """
                INSERT INTO build_attempt (build_id, number, queue_item_id, queue_state_id, manager, created_ms,
                    lease_expires_ms, deadline_ms)
                VALUES (\(build ?? 0), 1, 1, 's', 'm', 0, 0, 0) RETURNING id
                """)
            try DelegateTokenService.issue(
                draft, forAttempt: attempt ?? 0, repositoryID: repository.id, tags: ["latest"], in: transaction)
            return attempt ?? 0
        }
        let caller = try await core.registry.basic.caller(CoreFixture.basic("$token", draft.token.text))
        guard case .repositoryToken(let grant) = caller.identity else {
            Issue.record("\(caller)")
            return
        }
        #expect(grant.attemptID == attempt)
        #expect(grant.tags == ["latest"])
        try await core.database.write { try $0.run("UPDATE build_attempt SET ended_ms = 1") }
        #expect(try await refusal("$token", draft.token, core) == .badCredentials)
    }

    private func refusal(_ name: String, _ token: SecretToken, _ core: CoreFixture) async throws -> RegistryError.Kind?
    {
        try await CoreFixture.kind { _ = try await core.registry.basic.caller(CoreFixture.basic(name, token.text)) }
    }
}
