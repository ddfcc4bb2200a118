import Domain
import Foundation
import SQL
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
