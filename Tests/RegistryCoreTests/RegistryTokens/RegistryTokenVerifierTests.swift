import Crypto
import Domain
import Foundation
import JWTKit
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Verifying registry tokens") struct RegistryTokenVerifierTests {
    static func token(
        _ core: CoreFixture, for caller: Caller, _ scopes: String..., service: String = CoreFixture.hostname
    ) async throws -> String {
        try await core.registry.registryTokens.grant(
            scopes.map(RegistryTokenTests.scope), to: caller, service: service
        ).text
    }

    @Test("yield the caller, limited to what was granted", arguments: TestDatabase.allEngines)
    func limited(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let owner = try await core.user("owner")
        for name in ["owner/app", "owner/other"] { try await core.repository(name, of: owner) }
        let token = try await Self.token(core, for: core.caller(owner), "repository:owner/app:pull")
        let caller = try await core.registry.registryTokenVerifier.caller(token: token)
        let access = core.registry.access
        #expect(try await access.repository(RepositoryName("owner/app"), .read, for: caller).role == .read)
        for (name, role) in [("owner/app", .write), ("owner/other", .read), ("owner/none", .read)]
            as [(String, RepositoryRole)]
        {
            #expect(
                try await CoreFixture.kind { _ = try await access.repository(RepositoryName(name), role, for: caller) }
                    == .forbidden)
        }
        #expect(
            try await CoreFixture.kind { _ = try await access.namespace(Username("owner"), .member, for: caller) }
                == .forbidden)
    }

    @Test("a lost right counts at the next request, whatever the token says", arguments: TestDatabase.allEngines)
    func lostRight(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let (owner, reader) = (try await core.user("owner"), try await core.user("reader"))
        try await core.repository("owner/app", of: owner, .public)
        let token = try await Self.token(core, for: core.caller(reader), "repository:owner/app:pull")
        let verifier = core.registry.registryTokenVerifier
        let app = try RepositoryName("owner/app")
        #expect(try await core.registry.access.repository(app, .read, for: verifier.caller(token: token)).role == .read)
        try await core.registry.repositories.changeVisibility(
            to: .private, in: core.registry.access.repository(app, .admin, for: core.caller(owner)))
        #expect(
            try await CoreFixture.kind {
                _ = try await core.registry.access.repository(app, .read, for: verifier.caller(token: token))
            } == .forbidden)
    }

    @Test("a credential that was taken back ends its tokens within 5 seconds", arguments: TestDatabase.allEngines)
    func takenBack(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let owner = try await core.user("owner")
        let repository = try await core.repository("owner/app", of: owner)
        let robot = try await core.robot("owner+ci", of: owner)
        let draft = try core.registry.delegateTokens.draft()
        try await core.database.write {
            try DelegateTokenService.issue(draft, named: "x", repositoryID: repository.id, role: .write, in: $0)
        }
        let oauth = try await core.registry.oauthTokens.initialToken(for: owner)
        let user = try core.registry.access.user(.userAdmin, for: core.caller(owner))
        let app = try await core.registry.appTokens.create("laptop", for: user, ip: nil)
        let encrypted = try await core.registry.encryptedPasswords.make(for: owner)
        let basic = core.registry.basic
        let callers = [
            try await basic.caller(CoreFixture.basic("owner", "password")),
            try await basic.caller(CoreFixture.basic("owner+ci", robot.token.text)),
            try await basic.caller(CoreFixture.basic("$token", draft.token.text)),
            try await basic.caller(CoreFixture.basic("$oauthtoken", oauth.text)),
            try await basic.caller(CoreFixture.basic("$app", app.code.text)),
            try await basic.caller(CoreFixture.basic("owner", encrypted.text)),
        ]
        var tokens: [String] = []
        for caller in callers { tokens.append(try await Self.token(core, for: caller, "repository:owner/app:pull")) }
        for token in tokens { _ = try await core.registry.registryTokenVerifier.caller(token: token) }
        _ = try await core.registry.robots.regenerate(Username("ci"), in: core.namespace("owner", of: owner))
        try await core.registry.accounts.changePassword(of: owner, to: "another-password")
        try await core.registry.appTokens.revoke(app.token.uuid, of: user, ip: nil)
        try await core.database.write { transaction in
            try transaction.run("UPDATE delegate_token SET revoked_ms = 1")
            try transaction.run("DELETE FROM oauth_token")
        }
        core.advance(5)
        for (token, caller) in zip(tokens, callers) {
            #expect(
                try await CoreFixture.kind { _ = try await core.registry.registryTokenVerifier.caller(token: token) }
                    == .badCredentials, "\(caller.credential)")
        }
    }

    @Test("end after an hour and the skew of clocks")
    func expiry() async throws {
        let core = try await CoreFixture()
        let token = try await Self.token(core, for: core.caller(try await core.user("owner")))
        core.advance(3629)
        _ = try await core.registry.registryTokenVerifier.caller(token: token)
        core.advance(2)
        #expect(
            try await CoreFixture.kind { _ = try await core.registry.registryTokenVerifier.caller(token: token) }
                == .expiredToken)
    }

    @Test("SEC-Key/issuer trust: a token for another audience opens nothing here")
    func audience() async throws {
        let core = try await CoreFixture()
        let owner = try await core.user("owner")
        let token = try await Self.token(core, for: core.caller(owner), service: "other.test")
        #expect(try await refusal(token, core) == .badCredentials)
    }

    @Test("SEC-Key/issuer trust: only our key and algorithm count, whatever the header names")
    func forged() async throws {
        let core = try await CoreFixture()
        let owner = try await core.user("owner")
        try await core.repository("owner/app", of: owner)
        let real = try await Self.token(core, for: core.caller(owner), "repository:owner/app:pull")
        let kid = try await core.registry.serviceKeys.signingKeyID()
        let parts = real.split(separator: ".").map(String.init)
        let own = try SigningKey.generate()
        let jwk = #"{"kty":"RSA","n":"\#(own.publicJWK.n)","e":"AQAB","kid":"\#(kid)"}"#
        func signed(_ header: String) throws -> String {
            let head = Base64URL.encode(Array(header.utf8)) + "." + parts[1]
            return head + "." + Base64URL.encode(try own.signature(for: Array(head.utf8)))
        }
        let publicKey = try #require(try await core.registry.serviceKeys.publicKeys().first)
        let macHead = Base64URL.encode(Array(#"{"alg":"HS256","kid":"\#(kid)"}"#.utf8)) + "." + parts[1]
        let mac = HMAC<SHA256>.authenticationCode(
            for: Data(macHead.utf8), using: SymmetricKey(data: Data(publicKey.n.utf8)))
        let none = Base64URL.encode(Array(#"{"alg":"none","kid":"\#(kid)"}"#.utf8))
        let forgeries = [
            try signed(#"{"alg":"RS256","kid":"\#(kid)"}"#),
            try signed(#"{"alg":"RS256","kid":"\#(kid)","jwk":\#(jwk)}"#),
            try signed(#"{"alg":"RS256","kid":"\#(own.keyID)"}"#),
            try signed(#"{"alg":"RS256","jku":"http://127.0.0.1/keys","kid":"x"}"#),
            try signed(#"{"alg":"RS256","x5u":"http://127.0.0.1/cert"}"#), try signed(#"{"alg":"RS256"}"#),
            try signed("{}"), try signed("[]"), "\(none).\(parts[1]).", "\(none).\(parts[1])",
            macHead + "." + Base64URL.encode(Array(mac)), "", "..", "a.b.c", real + "x", "\(parts[0]).\(parts[1]).",
            "\(parts[0]).\(Base64URL.encode(Array("{}".utf8))).\(parts[2])", String(repeating: "a", count: 100_000),
        ]
        for forgery in forgeries {
            #expect(try await refusal(forgery, core) == .badCredentials, "\(forgery.prefix(80))")
        }
        #expect(try await refusal(real, core) == nil)
    }

    @Test("SEC-Key/issuer trust: an extension that the header calls critical is refused, even when we signed it")
    func critical() async throws {
        let core = try await CoreFixture()
        let caller = try core.caller(try await core.user("owner"))
        #expect(try await refusal(sign(core, caller), core) == nil)
        #expect(try await refusal(sign(core, caller, header: #","crit":["x"],"x":1"#), core) == .badCredentials)
        #expect(try await refusal(sign(core, caller, header: #","crit":[]"#), core) == .badCredentials)
    }

    @Test(
        "SEC-Key/issuer trust: lifetime, times, issuer and context are checked on tokens that our key signed",
        arguments: [
            ("exp", "1700007200"), ("exp", "1699999000"), ("nbf", "1700000031"), ("iat", "1700000031"),
            ("iss", "\"other\""), ("aud", "\"other\""), ("context", "{}"),
        ])
    func claims(_ name: String, _ value: String) async throws {
        let core = try await CoreFixture()
        let caller = try core.caller(try await core.user("owner"))
        let kind = try await refusal(sign(core, caller, claim: (name, value)), core)
        #expect(kind == .badCredentials || kind == .expiredToken, "\(String(describing: kind))")
    }

    @Test(
        "a key of another replica is found, and a key that has expired counts no more",
        arguments: TestDatabase.allEngines)
    func rotation(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let owner = try await core.user("owner")
        let first = try await core.registry.serviceKeys.signingKeyID()
        let replica = Registry(platform: core.platform, site: core.registry.site)
        #expect(try await replica.serviceKeys.signingKeyID() == first)
        let token = try await Self.token(core, for: core.caller(owner))
        core.advance(ServiceKeyRule().signingTime + 1)
        let second = try await replica.serviceKeys.signingKeyID()
        #expect(second != first)
        #expect(try await core.registry.serviceKeys.publicKeys().map(\.kid).sorted() == [first, second].sorted())
        let newer = try await replica.registryTokens.grant(
            [], to: core.caller(owner), service: CoreFixture.hostname
        ).text
        #expect(try await refusal(newer, core) == nil)
        core.advance(ServiceKeys.graceTime)
        #expect(try await replica.serviceKeys.publicKeys().map(\.kid) == [second])
        #expect(try await refusal(token, core) != nil)
    }

    private func refusal(_ token: String, _ core: CoreFixture) async throws -> RegistryError.Kind? {
        try await CoreFixture.kind { _ = try await core.registry.registryTokenVerifier.caller(token: token) }
    }

    /// A token that the registry's own key signed, with something in it changed.
    private func sign(
        _ core: CoreFixture, _ caller: Caller, header: String = "", claim: (String, String)? = nil
    ) async throws -> String {
        let kid = try await core.registry.serviceKeys.signingKeyID()
        let stored = try await core.database.read {
            try KeyStore.live(of: "quay", at: Date(timeIntervalSince1970: 1_700_000_000), in: $0)
        }
        let key = try #require(stored.first { $0.kid == kid })
        let signer = try SigningKey(
            pem: core.platform.cipher.decrypt(
                key.privateKeyCipher,
                for: FieldCipher.Field(table: "service_key", column: "private_key_cipher", row: kid)))
        let real = try await Self.token(core, for: caller)
        var claims = try RegistryTokenTests.claims(real)
        if let (name, value) = claim {
            claims[name] = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        }
        let body = try JSONSerialization.data(withJSONObject: claims)
        let head =
            Base64URL.encode(Array(#"{"alg":"RS256","kid":"\#(kid)"\#(header)}"#.utf8)) + "." + Base64URL.encode(body)
        return head + "." + Base64URL.encode(try signer.signature(for: Array(head.utf8)))
    }
}
