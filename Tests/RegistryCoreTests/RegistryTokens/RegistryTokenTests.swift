import Crypto
import Domain
import Foundation
import JWTKit
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Registry tokens") struct RegistryTokenTests {
    static func scope(_ text: String) throws -> RegistryTokenScope {
        try RegistryTokenScope(text, hostname: CoreFixture.hostname, library: Username("library"))
    }

    /// The actions that a token for `scope` grants to `caller`.
    static func granted(_ text: String, to caller: Caller, _ core: CoreFixture) async throws -> Set<String> {
        let token = try await core.registry.registryTokens.grant(
            [scope(text)], to: caller, service: CoreFixture.hostname)
        let claims = try Self.claims(token.text)
        let access = claims["access"] as? [[String: Any]]
        return Set(access?.first?["actions"] as? [String] ?? ["?"])
    }

    static func claims(_ token: String) throws -> [String: Any] {
        let part = token.split(separator: ".")[1]
        let bytes = try #require(Base64URL.decode(String(part)))
        return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    @Test("grant what the caller may have, and nothing else", arguments: TestDatabase.allEngines)
    func decisions(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let (owner, reader, stranger) = (
            try await core.user("owner"), try await core.user("reader"), try await core.user("stranger")
        )
        try await core.repository("owner/open", of: owner, .public)
        try await core.repository("owner/shut", of: owner)
        try await core.permit("reader", .read, in: "owner/shut", by: owner)
        let cases: [(Caller, String, Set<String>)] = [
            (.anonymous, "repository:owner/open:pull,push", ["pull"]),
            (.anonymous, "repository:owner/shut:pull", []),
            (.anonymous, "repository:owner/none:pull,push", []),
            (try core.caller(stranger), "repository:owner/open:pull,push,*", ["pull"]),
            (try core.caller(stranger), "repository:owner/shut:pull,push", []),
            (try core.caller(stranger), "repository:owner/none:push", []),
            (try core.caller(reader), "repository:owner/shut:pull,push,delete", ["pull"]),
            (try core.caller(owner), "repository:owner/shut:pull,push,*", ["pull", "push", "*"]),
            (try core.caller(owner), "repository:owner/none:pull", ["pull"]),
            (try core.caller(owner, scopes: .only([.repositoryRead])), "repository:owner/shut:pull,push", ["pull"]),
            (try core.caller(owner, scopes: .only([])), "repository:owner/shut:pull,push", []),
            (try core.caller(owner, scopes: .only([.repositoryWrite])), "repository:owner/none:push", []),
        ]
        for (caller, text, expected) in cases {
            #expect(try await Self.granted(text, to: caller, core) == expected, "\(caller.name ?? "-") \(text)")
        }
        #expect(try await core.database.read { try RepositoryStore.find(RepositoryName("owner/none"), in: $0) } == nil)
    }

    @Test("a push makes a missing repository, private, once", arguments: TestDatabase.allEngines)
    func pushToCreate(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let owner = try await core.user("owner")
        try await core.organization("acme", of: owner)
        for name in ["owner/new", "acme/team/new"] {
            for _ in 0..<2 {
                #expect(
                    try await Self.granted("repository:\(name):pull,push", to: core.caller(owner), core)
                        == ["pull", "push"])
            }
            let made = try await core.database.read { try RepositoryStore.find(RepositoryName(name), in: $0) }
            #expect(made?.visibility == .private)
        }
    }

    @Test("a robot creates by pushing only where a team lets it, and is made the repository's administrator")
    func robotPush() async throws {
        let core = try await CoreFixture()
        let owner = try await core.user("owner")
        try await core.organization("acme", of: owner)
        let robot = try await core.robot("acme+ci", of: owner)
        let caller = try await core.registry.basic.caller(CoreFixture.basic("acme+ci", robot.token.text))
        #expect(try await Self.granted("repository:acme/new:push", to: caller, core) == [])
        try await core.database.write { transaction in
            let organization = try AccountStore.find(name: "acme", in: transaction)?.id ?? 0
            let team = try TeamStore.insert("makers", role: .creator, organizationID: organization, in: transaction)
            try TeamStore.add(robot.robot.id, toTeam: team, in: transaction)
        }
        #expect(try await Self.granted("repository:acme/new:push,*", to: caller, core) == ["push", "*"])
    }

    @Test("a read-only repository grants pulls only")
    func readOnly() async throws {
        let core = try await CoreFixture()
        let owner = try await core.user("owner")
        try await core.repository("owner/app", of: owner)
        try await core.database.write { try $0.run("UPDATE repository SET state = 1") }
        #expect(try await Self.granted("repository:owner/app:pull,push,*", to: core.caller(owner), core) == ["pull"])
    }

    @Test("nobody who asks for nothing gets a token; somebody does")
    func nothingAsked() async throws {
        let core = try await CoreFixture()
        let owner = try await core.user("owner")
        let tokens = core.registry.registryTokens
        #expect(
            try await CoreFixture.kind { _ = try await tokens.grant([], to: .anonymous, service: "x") }
                == .unauthenticated)
        #expect(try await tokens.grant([], to: core.caller(owner), service: "x").lifetimeSeconds == 3600)
    }

    @Test("name their claims as clients and other verifiers know them")
    func claims() async throws {
        let core = try await CoreFixture()
        let owner = try await core.user("owner")
        try await core.repository("owner/app", of: owner)
        let token = try await core.registry.registryTokens.grant(
            [Self.scope("repository:registry.test/owner/app:pull")], to: core.caller(owner), service: "registry.test")
        let claims = try Self.claims(token.text)
        #expect(claims["iss"] as? String == "quay")
        #expect(claims["aud"] as? String == "registry.test")
        #expect(claims["sub"] as? String == "owner")
        #expect(claims["exp"] as? Int == Int(core.now.timeIntervalSince1970) + 3600)
        let access = try #require(claims["access"] as? [[String: Any]])
        #expect(access.first?["name"] as? String == "registry.test/owner/app")
        let context = try #require(claims["context"] as? [String: Any])
        #expect(context["entity_kind"] as? String == "user")
        #expect(context["version"] as? Int == 2)
    }
}
