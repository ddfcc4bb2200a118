import Domain
import Foundation
import RegistryCore
import Secrets
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Asking for registry tokens by form") struct RegistryTokenFormTests {
    @Test("a password buys a token, and a refresh token when it is asked for", arguments: TestDatabase.allEngines)
    func password(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TokenDesk(engine)
        var form = [
            "grant_type": "password", "service": "registry.test", "client_id": "containerd-client",
            "scope": "repository:owner/shut:pull repository:owner/new:push", "username": "owner",
            "password": "password",
        ]
        let plain = try await desk.post(form)
        #expect(plain.status == 200, "\(plain.text)")
        #expect(try TokenDesk.granted(plain) == ["owner/shut:pull", "owner/new:push"])
        #expect(plain.json["refresh_token"] == nil)
        #expect(plain.json["scope"]?.string == "repository:owner/shut:pull repository:owner/new:push")
        form["access_type"] = "offline"
        let refresh = try #require(try await desk.post(form).json["refresh_token"]?.string)
        let later = try await desk.post([
            "grant_type": "refresh_token", "service": "registry.test", "client_id": "x", "refresh_token": refresh,
            "scope": "repository:owner/shut:pull,push",
        ])
        #expect(try TokenDesk.granted(later) == ["owner/shut:pull,push"])
        #expect(later.json["refresh_token"]?.string == refresh)
    }

    @Test("every kind of credential gets a refresh token of its own kind")
    func kinds() async throws {
        let desk = try await TokenDesk()
        for kind in [TokenDesk.Credential.owner, .encrypted, .robot, .oauth, .app, .delegate] {
            let (name, password) = try #require(desk.credentials[kind])
            let answer = try await desk.post([
                "grant_type": "password", "service": "registry.test", "username": name, "password": password,
                "access_type": "offline",
            ])
            let refresh = try #require(answer.json["refresh_token"]?.string, "\(kind): \(answer.text)")
            let later = try await desk.post([
                "grant_type": "refresh_token", "service": "registry.test", "refresh_token": refresh,
                "scope": "repository:owner/shut:pull",
            ])
            #expect(try TokenDesk.granted(later) == ["owner/shut:pull"], "\(kind)")
            #expect(
                try TokenDesk.claims(later)["context"]?["entity_kind"]
                    == TokenDesk.claims(answer)["context"]?["entity_kind"])
        }
    }

    @Test("SEC-Key/issuer trust: a refresh token opens nothing for another service, altered, or as anything else")
    func bound() async throws {
        let desk = try await TokenDesk()
        let answer = try await desk.post([
            "grant_type": "password", "service": "registry.test", "username": "owner", "password": "password",
            "access_type": "offline",
        ])
        let refresh = try #require(answer.json["refresh_token"]?.string)
        let encrypted = try #require(desk.credentials[.encrypted]?.password)
        for (token, service) in [
            (refresh, "other.test"), (refresh + "A", "registry.test"), (String(refresh.dropLast()), "registry.test"),
            ("", "registry.test"), (encrypted, "registry.test"), (String(encrypted.dropFirst(4)), "registry.test"),
            (try #require(answer.json["token"]?.string), "registry.test"),
        ] {
            let refused = try await desk.post([
                "grant_type": "refresh_token", "service": service, "refresh_token": token,
            ])
            #expect(refused.status == 401, "\(token.prefix(20))")
        }
        // Nor is it a password, an app token or a bearer token.
        for name in ["owner", "$app", "$oauthtoken"] {
            #expect(
                try await desk.post([
                    "grant_type": "password", "service": "registry.test", "username": name, "password": refresh,
                ]).status == 401)
        }
        #expect(try await desk.site.send(.get, "/v2/", headers: ["Authorization": "Bearer \(refresh)"]).status == 401)
    }

    @Test("a form that lacks something gets a sentence")
    func malformed() async throws {
        let desk = try await TokenDesk()
        for form in [
            [:], ["grant_type": "authorization_code"], ["grant_type": "password"], ["grant_type": "refresh_token"],
            ["grant_type": "password", "username": "owner"],
            ["grant_type": "password", "username": "owner", "password": "password", "scope": "nonsense"],
        ] as [[String: String]] {
            let answer = try await desk.post(form)
            #expect(answer.status == 400, "\(form)")
            #expect(answer.code == "INVALID_REQUEST")
        }
        let other = try await desk.site.send(
            .post, "/v2/auth", "{}", headers: ["Content-Type": "application/json"])
        #expect(other.status == 400)
        #expect(try await desk.site.send(.delete, "/v2/auth").status == 405)
        let large = try await desk.site.send(
            .post, "/v2/auth", "scope=" + String(repeating: "a", count: 100_000),
            headers: ["Content-Type": "application/x-www-form-urlencoded"])
        #expect(large.status == 413)
    }

    @Test("a wrong password is refused as in the header, and makes the account wait") func wrong() async throws {
        let desk = try await TokenDesk()
        let form = ["grant_type": "password", "username": "stranger", "password": "wrong password"]
        #expect(try await desk.post(form).code == "UNAUTHORIZED")
        let throttled = try await desk.post(form)
        #expect(throttled.status == 429)
        #expect(throttled.code == "TOOMANYREQUESTS")
        #expect(throttled.headers["Retry-After"] == "1")
    }
}
