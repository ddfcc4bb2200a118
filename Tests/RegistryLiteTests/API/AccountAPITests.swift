import Domain
import Foundation
import RegistryCore
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Accounts over HTTP") struct AccountAPITests {
    @Test(
        "the first user is initialized without a session, once, and gets a token of all scopes",
        arguments: TestDatabase.allEngines)
    func initialize(_ engine: TestDatabase.Engine) async throws {
        let site = try await SiteFixture(engine)
        let body = #"{"username":"admin","password":"password","email":"a@b.c","access_token":true}"#
        let first = try await site.send(.post, "/api/v1/user/initialize", body)
        #expect(first.status == 200)
        let token = try #require(first.json["access_token"]?.string)
        let own = try await site.send(.get, "/api/v1/user/", as: token)
        #expect(own.json["super_user"] == true)
        let second = try await site.send(.post, "/api/v1/user/initialize", body)
        #expect(second.status == 400)
        #expect(second.json["message"]?.string == "Cannot initialize user in a non-empty database")
    }

    @Test("nobody is told who they are in the agreed words") func anonymous() async throws {
        let answer = try await SiteFixture().send(.get, "/api/v1/user/")
        #expect(answer.status == 401)
        #expect(answer.json["error_type"]?.string == "invalid_token")
        #expect(answer.json["session_required"] == false)
        #expect(answer.json["type"]?.string == "http://registry.test/api/v1/error/invalid_token")
    }

    @Test("signing up signs in") func signUp() async throws {
        let site = try await SiteFixture()
        let browser = try await Browser(site)
        let body = #"{"username":"alice","password":"password","email":"a@b.c"}"#
        #expect(try await browser.send(.post, "/api/v1/user/", body).json["username"]?.string == "alice")
        #expect(try await browser.send(.get, "/api/v1/user/").json["email"]?.string == "a@b.c")
        #expect(try await browser.send(.post, "/api/v1/user/", body).status == 400)
    }

    @Test("SEC-Authorisation slips: privileges in a body are not taken, wherever they stand")
    func privilegeFields() async throws {
        let site = try await SiteFixture()
        let token = try await site.token("first")
        let browser = try await Browser(site)
        let privileges =
            #""superuser":true,"super_user":true,"verified":true,"enabled":true,"id":1,"kind":"organization""#
        let answer = try await browser.send(
            .post, "/api/v1/user/", #"{"username":"mallory","password":"password",\#(privileges)}"#)
        #expect(answer.status == 200)
        #expect(answer.json["super_user"] == nil)
        #expect(answer.json["verified"] == false)
        let organization = try await site.send(
            .post, "/api/v1/organization/", #"{"name":"acme",\#(privileges),"owner":"mallory"}"#, as: token)
        #expect(organization.status == 201)
        #expect(try await browser.send(.get, "/api/v1/organization/acme").json["is_admin"] == false)
        let repository = try await site.send(
            .post, "/api/v1/repository",
            #"{"repository":"app","visibility":"private","description":"","state":1,"namespace_id":2,\#(privileges)}"#,
            as: token)
        #expect(repository.status == 201)
        #expect(try await site.send(.get, "/api/v1/repository/first/app", as: token).json["state"]?.string == "NORMAL")
        let account = try await site.services.accounts.user(named: Username("mallory"))
        #expect(account?.isSuperuser == false)
        #expect(account?.kind == .user)
    }

    @Test("a user's public view shows nothing private; robots and organizations are not users") func publicView()
        async throws
    {
        let site = try await SiteFixture()
        let token = try await site.token("alice")
        _ = try await site.send(.post, "/api/v1/organization/", #"{"name":"acme"}"#, as: token)
        let answer = try await site.send(.get, "/api/v1/users/alice")
        #expect(answer.json.object?.keys.sorted() == ["anonymous", "avatar", "can_create_repo", "username"])
        for name in ["acme", "nobody", "alice+ci", "%00", "A", "a%2fb"] {
            #expect(try await site.send(.get, "/api/v1/users/\(name)").status == 404, "\(name)")
        }
    }

    @Test("a token without user:admin sees only the public part of its user") func scopes() async throws {
        let site = try await SiteFixture()
        let account = try await site.user("alice")
        let reader = try await site.token(of: account, [.userRead])
        let answer = try await site.send(.get, "/api/v1/user/", as: reader)
        #expect(answer.json["username"]?.string == "alice")
        #expect(answer.json["email"] == nil)
        let none = try await site.token(of: account, [.repositoryRead])
        #expect(try await site.send(.get, "/api/v1/user/", as: none).status == 403)
    }

    @Test("SEC-Resource exhaustion: a body beyond a mebibyte is refused") func largeBody() async throws {
        let site = try await SiteFixture()
        let body = #"{"username":""# + String(repeating: "a", count: 1_100_000) + #""}"#
        #expect(try await site.send(.post, "/api/v1/user/initialize", body).status == 413)
    }

    @Test(
        "malformed bodies get a sentence",
        arguments: ["", "{", "[]", "null", #"{"username":1,"password":"x"}"#, "\u{0}"])
    func malformed(_ body: String) async throws {
        let site = try await SiteFixture()
        let answer = try await site.send(.post, "/api/v1/user/initialize", body)
        #expect(answer.status == 400)
        #expect(answer.json["error_type"]?.string == "invalid_request")
    }
}
