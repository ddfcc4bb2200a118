import Domain
import Foundation
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Sessions over HTTP") struct SessionTests {
    @Test("sign in, ask who one is, sign out", arguments: TestDatabase.allEngines)
    func roundTrip(_ engine: TestDatabase.Engine) async throws {
        let site = try await SiteFixture(engine)
        try await site.user("alice")
        let browser = try await Browser(site)
        #expect(try await browser.send(.get, "/api/v1/user/").status == 401)
        #expect(try await browser.signIn("alice").json == ["success": true])
        let own = try await browser.send(.get, "/api/v1/user/")
        #expect(own.json["username"]?.string == "alice")
        #expect(own.json["is_me"] == true)
        #expect(try await browser.send(.post, "/api/v1/signin/verify", #"{"password":"password"}"#).status == 200)
        #expect(try await browser.send(.post, "/api/v1/signout").status == 200)
        #expect(try await browser.send(.get, "/api/v1/user/").status == 401)
    }

    @Test("SEC-CSRF, session, redirect: signing in and out changes the cookie and the token, and the old ones are dead")
    func rotation() async throws {
        let site = try await SiteFixture()
        try await site.user("alice")
        let browser = try await Browser(site)
        let (cookie, token) = (browser.cookie, browser.csrfToken)
        try await browser.signIn("alice")
        #expect(browser.cookie != cookie)
        #expect(browser.csrfToken != token)
        let stolen = try #require(browser.cookie)
        let fixed = try await site.send(.get, "/api/v1/user/", headers: ["Cookie": try #require(cookie)])
        #expect(fixed.status == 401)
        _ = try await browser.send(.post, "/api/v1/signout")
        #expect(try await site.send(.get, "/api/v1/user/", headers: ["Cookie": stolen]).status == 401)
    }

    @Test("SEC-CSRF, session, redirect: no change without the session's own token")
    func csrf() async throws {
        let site = try await SiteFixture()
        try await site.user("alice")
        let (browser, other) = (try await Browser(site), try await Browser(site))
        try await browser.signIn("alice")
        let cookie = try #require(browser.cookie)
        let body = #"{"name":"acme"}"#
        for token in ["", "x", try #require(other.csrfToken)] {
            let answer = try await site.send(
                .post, "/api/v1/organization/", body, headers: ["Cookie": cookie, "X-CSRF-Token": token])
            #expect(answer.status == 403)
            #expect(answer.json["error"]?.string == "CSRF token was invalid or missing.")
        }
        #expect(try await site.send(.post, "/api/v1/organization/", body, headers: ["Cookie": cookie]).status == 403)
        let good = try #require(browser.csrfToken)
        #expect(
            try await site.send(.post, "/api/v1/organization/", body, headers: ["X-CSRF-Token": good]).status == 403)
        // HTTP Basic is no way around it.
        let basic: WebHeaders = ["Cookie": cookie, "Authorization": "Basic YWxpY2U6cGFzc3dvcmQ="]
        #expect(try await site.send(.post, "/api/v1/organization/", body, headers: basic).status == 403)
        #expect(try await browser.send(.post, "/api/v1/organization/", body).status == 201)
    }

    @Test("SEC-CSRF, session, redirect: the cookie is not for scripts, not for other sites, and Secure under https")
    func cookie() async throws {
        let site = try await SiteFixture()
        let plain = try #require(try await site.send(.get, "/csrf_token").headers["Set-Cookie"])
        #expect(plain.hasPrefix("_csrf_token="))
        #expect(plain.contains("; HttpOnly; SameSite=Lax"))
        #expect(!plain.contains("Secure"))
        let https = try await SiteFixture { $0 = $0.serving("https") }
        #expect(try await https.send(.get, "/csrf_token").headers["Set-Cookie"]?.hasSuffix("; Secure") == true)
    }

    @Test("SEC-Enumeration, timing: a wrong password and an unknown name get the same answer, then the same wait")
    func enumeration() async throws {
        let site = try await SiteFixture()
        try await site.user("alice")
        let browser = try await Browser(site)
        let known = try await browser.signIn("alice", "wrong-password")
        let unknown = try await browser.signIn("nobody", "wrong-password")
        #expect(known.status == 403)
        #expect(unknown.status == 403)
        #expect(known.json == unknown.json)
        #expect(known.json["invalidCredentials"] == true)
        let (knownAgain, unknownAgain) = (
            try await browser.signIn("alice", "wrong-password"), try await browser.signIn("nobody", "wrong-password")
        )
        #expect(knownAgain.status == 429)
        #expect(unknownAgain.status == 429)
        #expect(knownAgain.headers["Retry-After"] == "1")
        #expect(knownAgain.headers["Content-Type"]?.hasPrefix("text/plain") == true)
    }

    @Test("robots and tokens can't sign in to the site", arguments: ["alice+ci", "$oauthtoken", "$token"])
    func notPeople(_ name: String) async throws {
        let site = try await SiteFixture()
        try await site.user("alice")
        #expect(try await Browser(site).signIn(name).status == 403)
    }

    @Test("the API's answer to a browser that opens an address as a page is a sentence") func browserRule() async throws
    {
        let site = try await SiteFixture()
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0"
        let page = try await site.send(.get, "/api/v1/discovery", headers: ["User-Agent": agent])
        #expect(page.status == 400)
        #expect(page.json["detail"]?.string == BrowserRule.refusal)
        let script = try await site.send(
            .get, "/api/v1/discovery", headers: ["User-Agent": agent, "X-Requested-With": "XMLHttpRequest"])
        #expect(script.status == 200)
        let open = try await SiteFixture { $0.browserCallsNeedXHR = false }
        #expect(try await open.send(.get, "/api/v1/discovery", headers: ["User-Agent": agent]).status == 200)
    }
}

extension Site {
    /// The same site under another scheme.
    func serving(_ scheme: String) -> Site {
        var site = Site(urls: URLs(scheme: scheme, hostname: urls.hostname), features: features)
        site.anonymousAccess = anonymousAccess
        return site
    }
}
