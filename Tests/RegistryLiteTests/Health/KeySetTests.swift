import Domain
import Foundation
import RegistryCore
import Secrets
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("The key set") struct KeySetTests {
    private static let path = "/keys/services/quay/keys"

    @Test("shows the public half of every accepted key, alone too, and may be kept for a minute")
    func published() async throws {
        let site = try await SiteFixture()
        let set = try await site.send(.get, Self.path)
        #expect(set.status == 200)
        #expect(set.headers["Cache-Control"] == "public, max-age=60")
        let keys = try #require(set.json["keys"]?.array)
        let key = try #require(keys.first)
        #expect(keys.count == 1)
        #expect(key.object?.keys.sorted() == ["alg", "e", "kid", "kty", "n", "use"])
        #expect(key["alg"]?.string == "RS256")
        let kid = try #require(key["kid"]?.string)
        #expect(try await site.send(.get, "\(Self.path)/\(kid)").json == key)
        let head = try await site.send(.head, Self.path)
        #expect(head.status == 200 && head.text.isEmpty)
    }

    @Test("verifies our tokens for a stranger") func verifies() async throws {
        let site = try await SiteFixture()
        let owner = try await site.user("owner")
        let caller = Caller(identity: .user(id: owner.id, name: try Username("owner")), credential: .password)
        let token = try await site.services.registryTokens.grant([], to: caller, service: "registry.test").text
        let parts = token.split(separator: ".").map(String.init)
        let header = try JSONValue(parsing: try #require(Base64URL.decode(parts[0])))
        let kid = try #require(header["kid"]?.string)
        let key = try await site.send(.get, "\(Self.path)/\(kid)").json
        #expect(key["kid"]?.string == kid)
        #expect(header["alg"]?.string == "RS256")
    }

    @Test(
        "unknown keys, services and methods get what they should",
        arguments: [
            (WebRequest.Method.get, "\(path)/unknown", 404), (.get, "\(path)/a/b", 404),
            (.get, "/keys/services/buildman/keys", 404), (.get, "/keys/services/quay", 404), (.get, "/keys", 404),
            (.put, path, 405), (.delete, path, 405), (.post, "\(path)/x", 405),
        ])
    func others(_ method: WebRequest.Method, _ path: String, _ status: Int) async throws {
        let site = try await SiteFixture()
        #expect(try await site.send(method, path).status == status)
    }

    @Test("SEC-Key/issuer trust: nobody can write, rotate or delete a key over HTTP, whatever they send")
    func noWrites() async throws {
        let site = try await SiteFixture(superusers: ["owner"])
        let token = try await site.token("owner")
        let before = try await site.send(.get, Self.path).json
        let kid = try #require(before["keys"]?.array?.first?["kid"]?.string)
        for method in [WebRequest.Method.put, .post, .delete] {
            for target in [Self.path, "\(Self.path)/\(kid)", "\(Self.path)/new"] {
                let answer = try await site.send(method, target, #"{"kty":"RSA"}"#, as: token)
                #expect(answer.status == 405, "\(method) \(target)")
            }
        }
        #expect(try await site.send(.get, Self.path).json == before)
    }

    @Test("SEC-Key/issuer trust: a revoked key is neither published nor accepted") func revoked() async throws {
        let site = try await SiteFixture()
        let owner = try await site.user("owner")
        let caller = Caller(identity: .user(id: owner.id, name: try Username("owner")), credential: .password)
        let token = try await site.services.registryTokens.grant([], to: caller, service: "registry.test").text
        let bearer: WebHeaders = ["Authorization": "Bearer \(token)"]
        #expect(try await site.send(.get, "/v2/", headers: bearer).status == 200)
        let kid = try await site.services.serviceKeys.signingKeyID()
        try await site.services.serviceKeys.revoke(kid)
        #expect(try await site.send(.get, "/v2/", headers: bearer).status == 401)
        #expect(try await site.send(.get, "\(Self.path)/\(kid)").status == 404)
        #expect(!(try await site.send(.get, Self.path).text.contains(kid)))
    }
}
