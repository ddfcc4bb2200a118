import Domain
import Foundation
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Accounts") struct AccountServiceTests {
    @Test("a name and an address belong to one account only", arguments: TestDatabase.allEngines)
    func taken(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice", email: "a@b.c")
        try await core.organization("acme", of: user)
        for (name, email) in [("alice", nil), ("acme", nil), ("bob", "A@B.C")] as [(String, String?)] {
            #expect(
                try await CoreFixture.kind { try await core.user(name, email: email) } == .invalidRequest,
                "\(name) \(email ?? "-")")
        }
    }

    @Test(
        "names, passwords and addresses that break their rules are refused",
        arguments: [
            ("A", "password", nil), ("Alice", "password", nil), ("al ice", "password", nil),
            ("alice+x", "password", nil),
            ("alice", "short", nil), ("alice", "pass word", nil), ("alice", "password", "not an address"),
        ] as [(String, String, String?)])
    func refused(_ name: String, _ password: String, _ email: String?) async throws {
        let core = try await CoreFixture()
        #expect(
            try await CoreFixture.kind { try await core.user(name, password: password, email: email) }
                == .invalidRequest)
    }

    @Test("only the first user can be initialized, and becomes a superuser", arguments: TestDatabase.allEngines)
    func initialization(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let accounts = core.registry.accounts
        // Many at once: one serial order, so one of them is the first.
        let made = try await withThrowingTaskGroup(of: Account?.self) { group in
            for number in 0..<4 {
                group.addTask {
                    do {
                        return try await accounts.create(
                            AccountService.NewUser(username: "user\(number)", password: "password", email: nil),
                            .initialization)
                    } catch let error as RegistryError where error.kind == .invalidRequest { return nil }
                }
            }
            return try await group.reduce(into: []) { $0 += [$1].compactMap { $0 } }
        }
        #expect(made.count == 1)
        #expect(made.first?.isSuperuser == true)
        #expect(try await !core.user("later").isSuperuser)
    }

    @Test("a new password ends the sessions and registry tokens of before", arguments: TestDatabase.allEngines)
    func passwordChange(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice")
        let started = try await core.registry.sessions.signIn(user, replacing: nil)
        try await core.registry.accounts.changePassword(of: user, to: "another password".replacing(" ", with: "-"))
        #expect(try await core.registry.sessions.find(started.cookie) == nil)
        #expect(
            try await CoreFixture.kind { _ = try await core.registry.signIn.verify("alice", password: "password") }
                == .badCredentials)
    }
}
