import Domain
import Foundation
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Sessions") struct SessionServiceTests {
    @Test(
        "SEC-CSRF, session, redirect: signing in gives a new id and a new token, and ends the session of before",
        arguments: TestDatabase.allEngines)
    func newIdentity(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice")
        let before = try await core.registry.sessions.begin()
        let after = try await core.registry.sessions.signIn(user, replacing: before.session)
        #expect(before.session.id != after.session.id)
        #expect(before.session.csrfToken != after.session.csrfToken)
        #expect(try await core.registry.sessions.find(before.cookie) == nil)
        guard case .signedIn(let signedIn) = try await core.registry.sessions.find(after.cookie) else {
            Issue.record("not signed in")
            return
        }
        #expect(signedIn.account.name == "alice")
    }

    @Test("SEC-Secrets shown to readers: the database holds no cookie, only its hash")
    func onlyHash() async throws {
        let core = try await CoreFixture()
        let started = try await core.registry.sessions.begin()
        let stored = try await core.database.read { try $0.rows("SELECT * FROM session").map { "\($0)" } }
        #expect(stored.count == 1)
        #expect(!stored.joined().contains(started.cookie.text))
    }

    @Test("signing out ends every session of the user, and no other's", arguments: TestDatabase.allEngines)
    func signOut(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let (alice, bob) = (try await core.user("alice"), try await core.user("bob"))
        let sessions = core.registry.sessions
        let one = try await sessions.signIn(alice, replacing: nil)
        let two = try await sessions.signIn(alice, replacing: nil)
        let other = try await sessions.signIn(bob, replacing: nil)
        guard case .signedIn(let signedIn) = try await sessions.find(one.cookie) else {
            throw RegistryError(.notFound, "")
        }
        try await sessions.signOutEverywhere(signedIn)
        #expect(try await sessions.find(one.cookie) == nil)
        #expect(try await sessions.find(two.cookie) == nil)
        #expect(try await sessions.find(other.cookie) != nil)
    }

    @Test("end with their time, and the cleanup takes what has ended", arguments: TestDatabase.allEngines)
    func expiry(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let user = try await core.user("alice")
        let signedIn = try await core.registry.sessions.signIn(user, replacing: nil)
        let anonymous = try await core.registry.sessions.begin()
        core.advance(SessionService.anonymousLifetime)
        #expect(try await core.registry.sessions.find(anonymous.cookie) == nil)
        #expect(try await core.registry.sessions.find(signedIn.cookie) != nil)
        #expect(try await SessionCleanupStep(platform: core.platform).run() == 1)
        #expect(try await SessionCleanupStep(platform: core.platform).run() == 0)
        core.advance(SessionService.lifetime)
        #expect(try await core.registry.sessions.find(signedIn.cookie) == nil)
    }

    @Test(
        "cookies that were never given out find nothing",
        arguments: ["", "x", "%", String(repeating: "a", count: 10_000)])
    func invented(_ cookie: String) async throws {
        let core = try await CoreFixture()
        _ = try await core.registry.sessions.begin()
        #expect(try await core.registry.sessions.find(SecretToken(cookie)) == nil)
    }

    @Test("are fresh for as long as was asked, from the last password on")
    func fresh() async throws {
        let core = try await CoreFixture()
        let started = try await core.registry.sessions.signIn(try await core.user("alice"), replacing: nil)
        core.advance(599)
        #expect(core.registry.sessions.isFresh(started.session, within: .seconds(600)))
        core.advance(2)
        #expect(!core.registry.sessions.isFresh(started.session, within: .seconds(600)))
        try await core.registry.sessions.refresh(started.session)
        let again = try await core.registry.sessions.find(started.cookie)
        #expect(again.map { core.registry.sessions.isFresh($0.session, within: .seconds(600)) } == true)
    }
}
