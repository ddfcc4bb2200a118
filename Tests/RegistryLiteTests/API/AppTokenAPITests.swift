import Domain
import Foundation
import RegistryCore
import SQL
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("App tokens over HTTP") struct AppTokenAPITests {
    private static let path = "/api/v1/user/apptoken"

    @Test("are made, listed, looked at and ended by their user", arguments: TestDatabase.allEngines)
    func life(_ engine: TestDatabase.Engine) async throws {
        let site = try await SiteFixture(engine, settings: { $0.credentials.appTokenLifetime = .seconds(3600) })
        let token = try await site.token("alice")
        let made = try await site.send(.post, Self.path, #"{"title":" laptop "}"#, as: token)
        #expect(made.status == 200, "\(made.text)")
        let view = try #require(made.json["token"])
        #expect(view["title"]?.string == "laptop")
        #expect(view["last_accessed"] == .null)
        #expect(view["created"]?.string == "Tue, 14 Nov 2023 22:13:20 -0000")
        #expect(view["expiration"]?.string == "Tue, 14 Nov 2023 23:13:20 -0000")
        let (uuid, code) = (try #require(view["uuid"]?.string), try #require(view["token_code"]?.string))
        #expect(try await Self.auth(site, code) == 200)
        let one = try await site.send(.get, "\(Self.path)/\(uuid)", as: token)
        #expect(one.json["token"]?["last_accessed"]?.string == "Tue, 14 Nov 2023 22:13:20 -0000")
        #expect(one.json["token"]?["token_code"] == .null)
        let list = try await site.send(.get, Self.path, as: token)
        #expect(list.json["only_expiring"] == false)
        #expect(list.json["tokens"]?.array?.count == 1)
        #expect(list.json["tokens"]?.array?.first?["token_code"] == nil)
        let expiring = try await site.send(.get, "\(Self.path)?expiring=true", as: token)
        #expect(expiring.json["only_expiring"] == true)
        #expect(expiring.json["tokens"]?.array?.count == 1)
        #expect(try await site.send(.delete, "\(Self.path)/\(uuid)", as: token).status == 204)
        #expect(try await Self.auth(site, code) == 401)
        #expect(try await site.send(.delete, "\(Self.path)/\(uuid)", as: token).status == 404)
        #expect(try await site.send(.get, Self.path, as: token).json["tokens"] == [])
        let kinds = try await site.database.read { transaction in
            try transaction.rows(
                "SELECT kind, metadata_json FROM audit_log WHERE kind LIKE '%app_specific%' ORDER BY id"
            )
            .map { "\(try $0.text("kind")) \(try $0.text("metadata_json").contains(uuid))" }
        }
        #expect(kinds == ["create_app_specific_token true", "revoke_app_specific_token true"])
    }

    @Test("SEC-Cross-tenant object use (IDOR): another user's token can't be seen, ended or guessed at")
    func otherUsers() async throws {
        let site = try await SiteFixture()
        let (alice, mallory) = (try await site.token("alice"), try await site.token("mallory"))
        let made = try await site.send(.post, Self.path, #"{"title":"laptop"}"#, as: alice)
        let uuid = try #require(made.json["token"]?["uuid"]?.string)
        let code = try #require(made.json["token"]?["token_code"]?.string)
        let unknown = "00000000-0000-0000-0000-000000000000"
        for method in [WebRequest.Method.get, .delete] {
            let theirs = try await site.send(method, "\(Self.path)/\(uuid)", as: mallory)
            let nobodys = try await site.send(method, "\(Self.path)/\(unknown)", as: mallory)
            #expect(theirs.status == 404)
            #expect(theirs.json == nobodys.json)
        }
        #expect(try await site.send(.get, Self.path, as: mallory).json["tokens"] == [])
        #expect(try await Self.auth(site, code) == 200)
    }

    @Test("SEC-Secrets shown to readers: a token's code is shown once, and only its hash is kept")
    func shownOnce() async throws {
        let site = try await SiteFixture()
        let token = try await site.token("alice")
        let made = try await site.send(.post, Self.path, #"{"title":"laptop"}"#, as: token)
        let code = try #require(made.json["token"]?["token_code"]?.string)
        let secret = String(decoding: try #require(Data(base64Encoded: code)), as: UTF8.self).split(separator: ":")[1]
        let uuid = try #require(made.json["token"]?["uuid"]?.string)
        for path in [Self.path, "\(Self.path)/\(uuid)", "\(Self.path)?expiring=true", "/api/v1/user/"] {
            let answer = try await site.send(.get, path, as: token)
            #expect(!answer.text.contains(code) && !answer.text.contains(secret))
        }
        let stored = try await site.database.read { transaction in
            try transaction.rows("SELECT * FROM app_token").map { "\($0)" }.joined()
                + transaction.rows("SELECT * FROM audit_log").map { "\($0)" }.joined()
        }
        #expect(stored.contains("laptop"))
        #expect(!stored.contains(secret) && !stored.contains(code))
    }

    @Test(
        "titles that say nothing are refused",
        arguments: [#"{}"#, #"{"title":""}"#, #"{"title":"  "}"#, #"{"title":1}"#, #"{"title":"a\u0000b"}"#])
    func titles(_ body: String) async throws {
        let site = try await SiteFixture()
        let answer = try await site.send(.post, Self.path, body, as: try await site.token("alice"))
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.json["error_type"]?.string == "invalid_request")
    }

    @Test("need a fresh sign-in from a browser, and do not exist where they are switched off") func rules() async throws
    {
        let site = try await SiteFixture()
        try await site.user("alice")
        let browser = try await Browser(site)
        try await browser.signIn("alice")
        #expect(try await browser.send(.post, Self.path, #"{"title":"a"}"#).status == 200)
        try await site.database.write { try $0.run("UPDATE session SET signed_in_ms = 0") }
        let stale = try await browser.send(.post, Self.path, #"{"title":"a"}"#)
        #expect(stale.json["error_type"]?.string == "fresh_login_required")
        #expect(try await browser.send(.get, Self.path).status == 200)
        let off = try await SiteFixture(change: {
            $0 = Site(urls: $0.urls, features: Set(Feature.allCases).subtracting([.appTokens]))
        })
        #expect(try await off.send(.get, Self.path, as: try await off.token("alice")).status == 404)
    }

    @Test(
        "the encrypted password is given for the password, and works until that changes",
        arguments: TestDatabase.allEngines)
    func clientKey(_ engine: TestDatabase.Engine) async throws {
        let site = try await SiteFixture(engine)
        let token = try await site.token("alice")
        let path = "/api/v1/user/clientkey"
        #expect(try await site.send(.post, path, #"{"password":"wrong password"}"#, as: token).status == 400)
        let throttled = try await site.send(.post, path, #"{"password":"password"}"#, as: token)
        #expect(throttled.status == 429)
        #expect(throttled.headers["Content-Type"]?.hasPrefix("text/plain") == true)
        try await site.database.write { try $0.run("UPDATE account SET invalid_login_attempts = 0") }
        let answer = try await site.send(.post, path, #"{"password":"password"}"#, as: token)
        let key = try #require(answer.json["key"]?.string)
        #expect(try await Self.auth(site, key, as: "alice") == 200)
        // It is bound to its account, and it signs nobody in at the site.
        try await site.user("bob")
        #expect(try await Self.auth(site, key, as: "bob") == 401)
        #expect(try await Browser(site).signIn("alice", key).status == 403)
        try await site.database.write { try $0.run("UPDATE account SET invalid_login_attempts = 0") }
        let alice = try #require(try await site.services.accounts.user(named: Username("alice")))
        try await site.services.accounts.changePassword(of: alice, to: "password")
        #expect(try await Self.auth(site, key, as: "alice") == 401)
    }

    @Test("the first user gets an encrypted password that works") func initialized() async throws {
        let site = try await SiteFixture()
        let answer = try await site.send(
            .post, "/api/v1/user/initialize", #"{"username":"admin","password":"password","email":"a@b.c"}"#)
        let password = try #require(answer.json["encrypted_password"]?.string)
        #expect(try await Self.auth(site, password, as: "admin") == 200)
    }

    static func auth(_ site: SiteFixture, _ password: String, as name: String = "$app") async throws -> Int {
        let basic = "Basic " + Data("\(name):\(password)".utf8).base64EncodedString()
        return try await site.send(.get, "/v2/auth?service=registry.test", headers: ["Authorization": basic]).status
    }
}
