import Domain
import Foundation
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

/// The law that every cache must keep: what has been taken back opens nothing 5 seconds later, although a registry token
/// for it was made and used before.
@Suite("What has been taken back") struct RevocationTests {
    /// Somebody with a repository of their own, and all that may be done to them.
    struct Scene: Sendable {
        let core: CoreFixture
        let owner: Account
        let name: String
        var repository: String { "\(name)/app" }

        init(_ core: CoreFixture, _ name: String) async throws {
            self.core = core
            self.name = name
            owner = try await core.user(name)
            try await core.repository("\(name)/app", of: owner, .public)
            try await setVisibility(.private)
        }

        func setVisibility(_ visibility: Repository.Visibility) async throws {
            try await core.registry.repositories.changeVisibility(
                to: visibility,
                in: core.registry.access.repository(RepositoryName(repository), .admin, for: core.caller(owner)))
        }

        func run(_ statement: Query) async throws { try await core.database.write { try $0.run(statement) } }

        func basic(_ user: String, _ password: String) async throws -> Caller {
            try await core.registry.basic.caller(CoreFixture.basic(user, password))
        }

        func robot() async throws -> Caller {
            let robot = try await core.robot("\(name)+ci", of: owner)
            try await core.permit("\(name)+ci", .write, in: repository, by: owner)
            return try await basic("\(name)+ci", robot.token.text)
        }

        func app() async throws -> (AppToken, Caller) {
            let user = try core.registry.access.user(.userAdmin, for: core.caller(owner))
            let made = try await core.registry.appTokens.create("x", for: user, ip: nil)
            return (made.token, try await basic("$app", made.code.text))
        }

        func oauth() async throws -> Caller {
            try await basic("$oauthtoken", core.registry.oauthTokens.initialToken(for: owner).text)
        }

        func delegate() async throws -> Caller {
            let (core, draft) = (self.core, try core.registry.delegateTokens.draft())
            let name = try RepositoryName(repository)
            try await core.database.write { transaction in
                let id = try RepositoryStore.find(name, in: transaction)?.id ?? 0
                try DelegateTokenService.issue(draft, named: "x", repositoryID: id, role: .write, in: transaction)
            }
            return try await basic("$token", draft.token.text)
        }

        func helper(_ role: RepositoryRole) async throws -> Caller {
            let helper = try await core.user("\(name)-helper")
            try await core.permit(helper.name, role, in: repository, by: owner)
            return try await basic(helper.name, "password")
        }
    }

    typealias Step = @Sendable (Scene) async throws -> Caller
    typealias Deed = @Sendable (Scene) async throws -> Void

    struct Case: Sendable {
        let why: String
        let role: RepositoryRole
        let caller: Step
        let deed: Deed

        init(_ why: String, _ role: RepositoryRole, _ caller: @escaping Step, _ deed: @escaping Deed) {
            (self.why, self.role, self.caller, self.deed) = (why, role, caller, deed)
        }

        init(_ why: String, _ caller: @escaping Step, _ deed: @escaping Deed) {
            self.init(why, .write, caller, deed)
        }
    }

    static let cases: [Case] = [
        Case("a user changes the password", { try await $0.basic($0.name, "password") }) {
            try await $0.core.registry.accounts.changePassword(of: $0.owner, to: "another-password")
        },
        Case("a user signs out everywhere", { try await $0.basic($0.name, "password") }) { scene in
            try await scene.core.database.write { try AccountStore.raiseGeneration(scene.owner.id, in: $0) }
        },
        Case("a user is disabled", { try await $0.basic($0.name, "password") }) {
            try await $0.run("UPDATE account SET enabled = 0 WHERE id = \($0.owner.id)")
        },
        Case(
            "a user changes the password, after an encrypted one was used",
            { scene in
                try await scene.basic(
                    scene.name, scene.core.registry.encryptedPasswords.make(for: scene.owner).text)
            }
        ) { try await $0.core.registry.accounts.changePassword(of: $0.owner, to: "password") },
        Case("a helper loses the permission", .read, { try await $0.helper(.read) }) {
            try await $0.run("DELETE FROM repository_permission")
        },
        Case("a helper may only read from now on", { try await $0.helper(.write) }) {
            try await $0.core.permit("\($0.name)-helper", .read, in: $0.repository, by: $0.owner)
        },
        Case(
            "a public repository becomes private, for somebody else", .read,
            { scene in
                try await scene.setVisibility(.public)
                try await scene.core.user("\(scene.name)-other")
                return try await scene.basic("\(scene.name)-other", "password")
            }
        ) { try await $0.setVisibility(.private) },
        Case(
            "a public repository becomes private, for nobody", .read,
            { scene in
                try await scene.setVisibility(.public)
                return .anonymous
            }
        ) { try await $0.setVisibility(.private) },
        Case("a repository is deleted", { try await $0.basic($0.name, "password") }) {
            try await $0.run("UPDATE repository SET state = 3 WHERE namespace_id = \($0.owner.id)")
        },
        Case("a robot gets a new token", { try await $0.robot() }) {
            _ = try await $0.core.registry.robots.regenerate(
                Username("ci"), in: $0.core.namespace($0.name, of: $0.owner))
        },
        Case("a robot is deleted", { try await $0.robot() }) {
            try await $0.core.registry.robots.delete(Username("ci"), in: $0.core.namespace($0.name, of: $0.owner))
        },
        Case("a robot loses its permission", .read, { try await $0.robot() }) {
            try await $0.run("DELETE FROM repository_permission")
        },
        Case("a robot's owner is disabled", { try await $0.robot() }) {
            try await $0.run("UPDATE account SET enabled = 0 WHERE id = \($0.owner.id)")
        },
        Case("an app token is revoked", { try await $0.app().1 }) { scene in
            let user = try scene.core.registry.access.user(.userAdmin, for: scene.core.caller(scene.owner))
            for token in try await scene.core.registry.appTokens.list(of: user, expiringOnly: false) {
                try await scene.core.registry.appTokens.revoke(token.uuid, of: user, ip: nil)
            }
        },
        Case("an app token expires", { try await $0.app().1 }) {
            try await $0.run("UPDATE app_token SET expires_ms = \($0.core.now) WHERE account_id = \($0.owner.id)")
        },
        Case("an app token's user is disabled", { try await $0.app().1 }) {
            try await $0.run("UPDATE account SET enabled = 0 WHERE id = \($0.owner.id)")
        },
        Case("an OAuth token is deleted", { try await $0.oauth() }) {
            try await $0.run("DELETE FROM oauth_token WHERE account_id = \($0.owner.id)")
        },
        Case("an OAuth token expires", { try await $0.oauth() }) {
            try await $0.run("UPDATE oauth_token SET expires_ms = \($0.core.now) WHERE account_id = \($0.owner.id)")
        },
        Case("an OAuth token loses a scope", { try await $0.oauth() }) {
            try await $0.run("UPDATE oauth_token SET scope = 'repo:read' WHERE account_id = \($0.owner.id)")
        },
        Case("an OAuth token's user is disabled", { try await $0.oauth() }) {
            try await $0.run("UPDATE account SET enabled = 0 WHERE id = \($0.owner.id)")
        },
        Case("a delegate token is revoked", { try await $0.delegate() }) {
            try await $0.run("UPDATE delegate_token SET revoked_ms = 1 WHERE revoked_ms IS NULL")
        },
        Case("a delegate token's namespace is disabled", { try await $0.delegate() }) {
            try await $0.run("UPDATE account SET enabled = 0 WHERE id = \($0.owner.id)")
        },
    ]

    @Test(
        "SEC-Authorisation slips: opens nothing 5 seconds later, whatever was remembered",
        arguments: TestDatabase.allEngines)
    func takenBack(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        for (number, test) in Self.cases.enumerated() {
            let scene = try await Scene(core, "user\(number)")
            let caller = try await test.caller(scene)
            let token = try await core.registry.registryTokens.grant(
                [RegistryTokenTests.scope("repository:\(scene.repository):pull,push")], to: caller,
                service: CoreFixture.hostname
            ).text
            let (opens, refresh) = try await (
                open(scene, token, test.role),
                core.registry.refreshTokens.issue(to: caller, service: CoreFixture.hostname)
            )
            #expect(opens == nil, "\(test.why)")
            try await test.deed(scene)
            core.advance(5)
            let refused = try await open(scene, token, test.role)
            #expect(refused != nil, "\(test.why)")
            if test.role == .write, let refresh {
                // Neither does a refresh token bring back what was lost.
                let again = try await refreshed(scene, refresh)
                let reopened = if let again { try await open(scene, again, .write) } else { refused }
                #expect(reopened != nil, "\(test.why), by refresh token")
            }
        }
    }

    /// What refuses a request with the token; nil when it is let in.
    private func open(_ scene: Scene, _ token: String, _ role: RepositoryRole) async throws -> RegistryError.Kind? {
        try await CoreFixture.kind {
            let registry = scene.core.registry
            let caller = try await registry.registryTokenVerifier.caller(token: token)
            _ = try await registry.access.repository(RepositoryName(scene.repository), role, for: caller)
        }
    }

    private func refreshed(_ scene: Scene, _ refresh: String) async throws -> String? {
        let registry = scene.core.registry
        do {
            let caller = try await registry.refreshTokens.caller(refresh, service: CoreFixture.hostname)
            return try await registry.registryTokens.grant(
                [RegistryTokenTests.scope("repository:\(scene.repository):pull,push")], to: caller,
                service: CoreFixture.hostname
            ).text
        } catch is RegistryError { return nil }
    }
}
