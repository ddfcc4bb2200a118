import Domain
import Foundation
import Runtime
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Signing in") struct SignInServiceTests {
    @Test("takes the right password with a username or an e-mail address", arguments: TestDatabase.allEngines)
    func rightPassword(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice", email: "Alice@Example.com")
        for name in ["alice", "alice@example.com", "ALICE@example.COM"] {
            #expect(try await core.registry.signIn.verify(name, password: "password").id == user.id)
        }
    }

    @Test("SEC-Enumeration, timing: an unknown name, an organization, a robot and a wrong password get one answer")
    func oneAnswer() async throws {
        let core = try await CoreFixture()
        let user = try await core.user("alice")
        try await core.organization("acme", of: user)
        _ = try await core.robot("alice+ci", of: user)
        for name in ["alice", "nobody", "acme", "alice+ci", "", "a\u{0}b", String(repeating: "x", count: 5000), "x@y"] {
            do {
                _ = try await core.registry.signIn.verify(name, password: "wrong password")
                Issue.record("\(name) signed in")
            } catch let error as RegistryError {
                #expect(error.kind == .badCredentials)
                #expect(error.message == "Invalid Username or Password")
            }
        }
    }

    @Test("SEC-Enumeration, timing: names that nobody has wait after wrong passwords like names that somebody has")
    func unknownNamesWait() async throws {
        let core = try await CoreFixture()
        try await core.user("alice")
        for name in ["alice", "nobody"] {
            #expect(try await wrong(name, core) == .badCredentials)
            #expect(try await wrong(name, core) == .throttled)
            core.advance(0.5)
            #expect(try await wrong(name, core) == .badCredentials)
            core.advance(1.0)
            #expect(try await wrong(name, core) == .throttled)
            core.advance(10)
        }
    }

    @Test(
        "refuses even the right password while the account waits, and says for how long",
        arguments: TestDatabase.allEngines)
    func throttled(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        try await core.user("alice")
        for _ in 0..<3 {
            _ = try await wrong("alice", core)
            core.advance(100)
        }
        _ = try await wrong("alice", core)
        do {
            _ = try await core.registry.signIn.verify("alice", password: "password")
            Issue.record("signed in")
        } catch let error as RegistryError {
            #expect(error.kind == .throttled)
            #expect(error.details["retry_after"] == "8")
        }
        core.advance(7.5)
        #expect(try await core.registry.signIn.verify("alice", password: "password").name == "alice")
        // The right password has cleared the count.
        #expect(try await wrong("alice", core) == .badCredentials)
        core.advance(0.5)
        #expect(try await core.registry.signIn.verify("alice", password: "password").name == "alice")
    }

    @Test("tells a disabled user only after the right password")
    func disabled() async throws {
        let core = try await CoreFixture()
        try await core.user("alice")
        try await core.database.write { try $0.run("UPDATE account SET enabled = 0") }
        #expect(try await wrong("alice", core) == .badCredentials)
        core.advance(1)
        #expect(
            try await CoreFixture.kind { _ = try await core.registry.signIn.verify("alice", password: "password") }
                == .forbidden)
    }

    @Test("SEC-Query injection: names are compared whole, never as patterns", arguments: TestDatabase.allEngines)
    func patterns(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let other = try await core.user("axb", email: "axb@x.y")
        _ = try await core.robot("axb+ci", of: other)
        try await core.repository("axb/app", of: other, .public)
        for name in ["a_b", "a%b", "a%", "%", "a\\b", "axb' OR '1'='1", "a_b@x.y", "%@x.y"] {
            #expect(
                try await CoreFixture.kind { _ = try await core.registry.signIn.verify(name, password: "password") }
                    == .badCredentials)
            core.advance(10)
        }
        // `a_b` and `a.b` are valid names: each is its own account with its own robots and repositories.
        let like = try await core.user("a_b")
        #expect(like.id != other.id)
        #expect(try await core.registry.robots.listRevealed(in: core.namespace("a_b", of: like)).isEmpty)
        let page = try await core.registry.repositories.list(
            RepositoryStore.Filter(namespace: Username("a_b"), isPublicOnly: true), for: .anonymous, after: 0)
        #expect(page.repositories.isEmpty)
        #expect(
            try await CoreFixture.kind { _ = try await core.namespace("axb", of: like) } == .forbidden)
    }

    private func wrong(_ name: String, _ core: CoreFixture) async throws -> RegistryError.Kind? {
        try await CoreFixture.kind { _ = try await core.registry.signIn.verify(name, password: "wrong password") }
    }
}

@Suite("Signing in again and again") struct RepeatedSignInTests {
    @Test("a password that was right is believed for minutes, without another bcrypt")
    func remembered() async throws {
        let core = try await CoreFixture()
        let user = try await core.user("alice")
        for _ in 0..<2 { #expect(try await core.registry.signIn.verify("alice", password: "password").id == user.id) }
        let memory = VerifiedPasswords(randomness: .system)
        memory.insert("password", of: 1, hash: "h", at: core.now)
        #expect(memory.contains("password", of: 1, hash: "h", at: core.now))
        for (password, id, hash) in [("Password", 1, "h"), ("password", 2, "h"), ("password", 1, "i")]
            as [(String, Int64, String)]
        { #expect(!memory.contains(password, of: id, hash: hash, at: core.now)) }
        #expect(!memory.contains("password", of: 1, hash: "h", at: core.now + VerifiedPasswords.lifetime))
        for number in 0..<10_000 { memory.insert("\(number)", of: 1, hash: "h", at: core.now) }
        #expect(memory.contains("9999", of: 1, hash: "h", at: core.now))
    }

    @Test(
        "SEC-Enumeration, timing: a new password, a disabled user and a waiting account count at once",
        arguments: TestDatabase.allEngines)
    func notBelieved(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice")
        func kind(_ password: String) async throws -> RegistryError.Kind? {
            try await CoreFixture.kind { _ = try await core.registry.signIn.verify("alice", password: password) }
        }
        #expect(try await kind("password") == nil)
        try await core.registry.accounts.changePassword(of: user, to: "new-password")
        #expect(try await kind("password") == .badCredentials)
        core.advance(1)
        #expect(try await kind("new-password") == nil)
        #expect(try await kind("wrong") == .badCredentials)
        #expect(try await kind("new-password") == .throttled)
        core.advance(1)
        #expect(try await kind("new-password") == nil)
        try await core.database.write { try $0.run("UPDATE account SET enabled = 0") }
        #expect(try await kind("new-password") == .forbidden)
    }

    @Test("SEC-Resource exhaustion: more password checks than may wait are refused, with a time to come back")
    func flood() async throws {
        let core = try await CoreFixture(
            passwords: PasswordHasher(cost: 9, threads: 1, waitingLimit: 3, randomness: .system))
        let kinds = try await withThrowingTaskGroup(of: (RegistryError.Kind?, String?).self) { group in
            for number in 0..<40 {
                group.addTask {
                    do {
                        _ = try await core.registry.signIn.verify("nobody\(number)", password: "password")
                        return (nil, nil)
                    } catch let error as RegistryError { return (error.kind, error.details["retry_after"]) }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let refused = kinds.filter { $0.0 == .throttled }
        #expect(!refused.isEmpty)
        #expect(refused.allSatisfy { $0.1 == "2" })
        #expect(kinds.contains { $0.0 == .badCredentials })
        #expect(kinds.count == 40)
    }

    @Test(
        "wrong and right sign-ins stand in the usage log of the account; names that nobody has in none",
        arguments: TestDatabase.allEngines)
    func logged(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice")
        let origin = SignInOrigin(.registry, ip: "192.0.2.7", userAgent: "docker/28")
        for name in ["alice", "nobody"] {
            _ = try await CoreFixture.kind {
                _ = try await core.registry.signIn.verify(name, password: "secret guess", from: origin)
            }
        }
        try await core.registry.signIn.log(signInOf: user.id, name: user.name, from: origin)
        let rows = try await core.database.read { transaction in
            try transaction.rows(
                "SELECT kind, namespace_id, ip, metadata_json FROM audit_log WHERE kind LIKE 'login%' ORDER BY id")
        }
        #expect(try rows.map { try $0.text("kind") } == ["login_failure", "login_success"])
        for row in rows {
            #expect(try row.integer("namespace_id") == user.id)
            #expect(try row.text("ip") == "192.0.2.7")
            let text = try row.text("metadata_json")
            #expect(text.contains("v2auth") && text.contains("docker") && !text.contains("secret guess"))
        }
    }

    @Test(
        "SEC-Enumeration, timing: names that nobody has wait in every replica, and are forgotten in bounded number",
        arguments: TestDatabase.allEngines)
    func unknownNames(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let replica = Registry(platform: core.platform, site: core.registry.site)
        func kind(_ registry: Registry, _ name: String) async throws -> RegistryError.Kind? {
            try await CoreFixture.kind { _ = try await registry.signIn.verify(name, password: "wrong") }
        }
        #expect(try await kind(core.registry, "nobody") == .badCredentials)
        #expect(try await kind(replica, "Nobody") == .throttled)
        for number in 0..<5 {
            core.advance(1)
            _ = try await kind(replica, "nobody\(number)")
        }
        #expect(try await UnknownLoginCleanupStep(platform: core.platform, capacity: 2).run() == 4)
        #expect(try await UnknownLoginCleanupStep(platform: core.platform, capacity: 2).run() == 0)
        core.advance(UnknownLoginCleanupStep.retention + 1)
        #expect(try await UnknownLoginCleanupStep(platform: core.platform).run() == 2)
    }
}
