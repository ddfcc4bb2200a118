import Domain
import Foundation
import RegistryCore
import SQL
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// A visitor with a cookie jar of one cookie, who follows nothing by themselves.
final class PageVisitor {
    private let site: SiteFixture
    private(set) var cookie: String?

    init(_ site: SiteFixture) { self.site = site }

    func get(_ path: String, headers: WebHeaders = [:]) async throws -> SiteFixture.Answer {
        try await send(.get, path, nil, headers)
    }

    func post(_ path: String, _ fields: [(String, String)]) async throws -> SiteFixture.Answer {
        let body = fields.map { "\($0.0)=\(PathEncoding.queryValue($0.1))" }.joined(separator: "&")
        return try await send(.post, path, body, ["Content-Type": "application/x-www-form-urlencoded"])
    }

    /// Fills the sign-in form in and sends it.
    @discardableResult
    func signIn(_ name: String, _ password: String = "password", next: String = "/") async throws -> SiteFixture.Answer
    {
        let form = try await get("/signin/?next=\(PathEncoding.queryValue(next))")
        return try await post(
            "/signin/",
            [
                ("_csrf_token", Self.token(form.text)), ("next", next), ("username", name), ("password", password),
            ])
    }

    static func token(_ html: String) -> String {
        html.firstMatch(of: /name="_csrf_token" value="([^"]+)"/).map { String($0.output.1) } ?? ""
    }

    private func send(
        _ method: WebRequest.Method, _ path: String, _ body: String?, _ more: WebHeaders
    ) async throws -> SiteFixture.Answer {
        var headers = more
        if let cookie { headers["Cookie"] = cookie }
        let answer = try await site.send(method, path, body, headers: headers)
        if let set = answer.headers["Set-Cookie"] { cookie = set.split(separator: ";").first.map(String.init) }
        return answer
    }
}

/// What page tests need of builds.
extension SiteFixture {
    func proof(_ name: String, of account: Account) async throws -> RepositoryAccess {
        let caller = Caller(
            identity: .user(id: account.id, name: try Username(account.name)), credential: .password)
        return try await services.access.repository(RepositoryName(name), .admin, for: caller)
    }

    func repository(
        _ name: String, of account: Account, _ visibility: Repository.Visibility = .private
    ) async throws -> RepositoryAccess {
        let caller = Caller(
            identity: .user(id: account.id, name: try Username(account.name)), credential: .password)
        let namespace = try await services.access.namespace(
            Username(account.name), .createRepositories, for: caller)
        _ = try await services.repositories.create(
            RepositoryName(name), visibility, description: nil, in: namespace)
        return try await proof(name, of: account)
    }

    func build(in proof: RepositoryAccess) async throws -> Build {
        let request = BuildRequest(
            source: .archive("https://example.com/app.tar.gz"),
            location: try DockerfileLocation(dockerfilePath: nil, subdirectory: nil, context: nil),
            tags: [try TagName("latest")], pullRobot: nil)
        return try await services.builds.request(request, in: proof, ip: nil).build
    }

    /// Writes to a build's log as its manager would.
    func log(_ build: Build, _ entries: [BuildLogEntry], phase: BuildPhase? = nil) async throws {
        try await database.write { transaction in
            for entry in entries {
                try BuildLogEntryStore.append(entry, toBuild: build.id, attempt: 1, in: transaction)
            }
            if let phase { try BuildStore.setPhase(phase, of: build.id, endedAt: nil, in: transaction) }
            try transaction.notify(.buildLogs)
        }
    }
}

@Suite("Pages over HTTP") struct PageRoutesTests {
    @Test("SEC-XSS: every page forbids inline code, sniffing and framing") func headers() async throws {
        let site = try await SiteFixture()
        for path in ["/", "/signin/", "/nothing/here"] {
            let answer = try await site.send(.get, path)
            #expect(answer.headers["Content-Security-Policy"]?.hasPrefix("default-src 'self';") == true, "\(path)")
            #expect(answer.headers["Content-Security-Policy"]?.contains("frame-ancestors 'none'") == true)
            #expect(answer.headers["X-Content-Type-Options"] == "nosniff")
            #expect(answer.headers["Content-Type"] == "text/html; charset=utf-8")
        }
    }

    @Test("the front page shows strangers what is public, and everybody what is theirs") func frontPage() async throws {
        let site = try await SiteFixture()
        let ada = try await site.user("ada")
        _ = try await site.repository("ada/open", of: ada, .public)
        _ = try await site.repository("ada/secret", of: ada)
        let strange = try await site.send(.get, "/")
        #expect(strange.status == 200)
        #expect(strange.text.contains("/repository/ada/open"))
        #expect(!strange.text.contains("secret"))
        #expect(strange.headers["Cache-Control"] == "no-cache")
        let visitor = PageVisitor(site)
        try await visitor.signIn("ada")
        let own = try await visitor.get("/repository/")
        #expect(own.text.contains("/repository/ada/secret"))
        #expect(own.headers["Cache-Control"] == "no-store")
    }

    @Test("SEC-CSRF, session, redirect: signing in makes a new session and leads only to this site")
    func signingIn() async throws {
        let site = try await SiteFixture()
        _ = try await site.user("ada")
        _ = try await site.user("eve")
        let visitor = PageVisitor(site)
        _ = try await visitor.get("/signin/")
        let before = visitor.cookie
        // Another account: the wrong password makes the next try on the same one wait.
        let wrong = try await visitor.signIn("eve", "wrong password")
        #expect(wrong.status == 403)
        #expect(wrong.text.contains("Invalid Username or Password"))
        #expect(!wrong.text.contains("wrong password"))
        let right = try await visitor.signIn("ada", next: "/repository/ada/app?tab=builds")
        #expect(right.status == 303)
        #expect(right.headers["Location"] == "/repository/ada/app?tab=builds")
        #expect(visitor.cookie != before)
        let old = try await site.send(.get, "/", headers: ["Cookie": before ?? ""])
        #expect(!old.text.contains("Sign out"))
        for next in ["//evil.example", "https://evil.example", "/\\evil.example", ""] {
            let other = PageVisitor(site)
            #expect(try await other.signIn("ada", next: next).headers["Location"] == "/", "\(next)")
        }
        #expect(try await visitor.get("/signin/?next=//evil.example").headers["Location"] == "/")
    }

    @Test("SEC-CSRF, session, redirect: forms of other sites change nothing") func foreignForms() async throws {
        let site = try await SiteFixture()
        _ = try await site.user("ada")
        let visitor = PageVisitor(site)
        let fields = [("username", "ada"), ("password", "password"), ("next", "/")]
        #expect(try await visitor.post("/signin/", fields).status == 403)
        #expect(try await visitor.post("/signin/", fields + [("_csrf_token", "x")]).status == 403)
        #expect(try await site.send(.post, "/signin/", #"{"username":"ada"}"#).status == 400)
        try await visitor.signIn("ada")
        #expect(try await visitor.post("/signout/", []).status == 403)
        #expect(try await visitor.get("/").text.contains("Sign out"))
        let token = PageVisitor.token(try await visitor.get("/").text)
        #expect(try await visitor.post("/signout/", [("_csrf_token", token)]).status == 303)
        #expect(try await !visitor.get("/").text.contains("Sign out"))
    }

    @Test("robots and tokens are told where they belong") func robots() async throws {
        let site = try await SiteFixture()
        for name in ["ada+builder", "$oauthtoken"] {
            let answer = try await PageVisitor(site).signIn(name)
            #expect(answer.status == 403)
            #expect(answer.text.contains("docker login"))
        }
    }

    @Test("SEC-Enumeration, timing: hidden and missing repositories are one page") func hiddenIsMissing() async throws {
        let site = try await SiteFixture()
        let ada = try await site.user("ada")
        _ = try await site.user("eve")
        _ = try await site.repository("ada/hidden", of: ada)
        func page(_ path: String, _ visitor: PageVisitor) async throws -> String {
            let answer = try await visitor.get(path)
            return "\(answer.status)" + answer.text.replacing("hidden", with: "*").replacing("absent", with: "*")
        }
        let eve = PageVisitor(site)
        try await eve.signIn("eve")
        for visitor in [PageVisitor(site), eve] {
            let hidden = try await page("/repository/ada/hidden", visitor)
            #expect(try await hidden == page("/repository/ada/absent", visitor))
            #expect(hidden.hasPrefix("403"))
        }
        let owner = PageVisitor(site)
        try await owner.signIn("ada")
        #expect(try await owner.get("/repository/ada/absent").status == 404)
        #expect(try await owner.get("/repository/ada/hidden").status == 200)
    }

    @Test("the build list and a build read well without scripts; its text stays text") func builds() async throws {
        let site = try await SiteFixture()
        let ada = try await site.user("ada")
        let proof = try await site.repository("ada/app", of: ada)
        let build = try await site.build(in: proof)
        try await site.log(
            build,
            [
                BuildLogEntry(message: "building", kind: .phase),
                BuildLogEntry(message: "STEP 1/1: RUN x", kind: .command),
                BuildLogEntry(message: "\u{1B}[31m<script>alert(1)</script>\u{1B}]8;;http://evil\u{7}x"),
            ], phase: .building)
        let visitor = PageVisitor(site)
        try await visitor.signIn("ada")
        let list = try await visitor.get("/repository/ada/app?tab=builds")
        #expect(list.text.contains("Repository Builds"))
        #expect(list.text.contains("/repository/ada/app/build/\(build.uuid)"))
        #expect(list.text.contains(">Building<"))
        let path = "/repository/ada/app/build/\(build.uuid)"
        let page = try await visitor.get(path)
        #expect(page.text.contains("Building image from Dockerfile"))
        #expect(page.text.contains(#"<span class="f1">&lt;script&gt;alert(1)&lt;/script&gt;x</span>"#))
        #expect(!page.text.contains("evil"))
        #expect(page.text.contains(#"data-next="3""#))
        let raw = try await visitor.get(path + "/log.txt")
        #expect(raw.headers["Content-Type"] == "text/plain; charset=utf-8")
        #expect(raw.text.contains("<script>alert(1)</script>"))
        #expect(raw.headers["X-Content-Type-Options"] == "nosniff")
    }

    @Test("SEC-Cross-tenant object use (IDOR): a build is found in its own repository only") func foreignBuild()
        async throws
    {
        let site = try await SiteFixture()
        let ada = try await site.user("ada")
        let eve = try await site.user("eve")
        let build = try await site.build(in: try await site.repository("ada/app", of: ada))
        _ = try await site.repository("eve/app", of: eve)
        let visitor = PageVisitor(site)
        try await visitor.signIn("eve")
        for suffix in ["", "/log.txt"] {
            #expect(try await visitor.get("/repository/eve/app/build/\(build.uuid)\(suffix)").status == 404)
            #expect(try await visitor.get("/repository/ada/app/build/\(build.uuid)\(suffix)").status == 403)
        }
    }

    @Test("readers of a public repository see the build, and neither its log nor the list") func readers() async throws
    {
        let site = try await SiteFixture()
        let ada = try await site.user("ada")
        let proof = try await site.repository("ada/app", of: ada, .public)
        let build = try await site.build(in: proof)
        try await site.log(build, [BuildLogEntry(message: "secret line")])
        let path = "/repository/ada/app/build/\(build.uuid)"
        let page = try await site.send(.get, path)
        #expect(page.status == 200)
        #expect(!page.text.contains("secret line"))
        #expect(!page.text.contains("example.com"))
        #expect(try await site.send(.get, path + "/log.txt").status == 403)
        #expect(try await !site.send(.get, "/repository/ada/app?tab=builds").text.contains("Repository Builds"))
    }

    @Test("a long log is shown from its end, and its beginning is a link away") func longLog() async throws {
        let site = try await SiteFixture()
        let proof = try await site.repository("ada/app", of: try await site.user("ada"))
        let build = try await site.build(in: proof)
        let count = BuildLogView.window + 500
        try await site.log(build, (1...count).map { BuildLogEntry(message: "line \($0) of many") })
        let visitor = PageVisitor(site)
        try await visitor.signIn("ada")
        let path = "/repository/ada/app/build/\(build.uuid)"
        let newest = try await visitor.get(path).text
        #expect(newest.contains("line \(count) of many"))
        #expect(!newest.contains("line 500 of many"))
        #expect(newest.contains("\(path)?start=0"))
        #expect(try await visitor.get(path + "?start=0").text.contains("line 1 of many"))
        #expect(try await visitor.get(path + "?start=999999999").status == 200)
        #expect(try await visitor.get(path + "?start=-1").status == 200)
        #expect(try await visitor.get(path + "?start=x").status == 400)
        #expect(try await visitor.get(path + "/log.txt").text.split(separator: "\n").count == count)
    }

    @Test("static files are kept for ever by their version, and revalidated by their tag") func staticFiles()
        async throws
    {
        let site = try await SiteFixture()
        let path = try SamplePages.staticFiles.get().root + "/css/base.css"
        let file = try await site.send(.get, path)
        #expect(file.status == 200)
        #expect(file.headers["Content-Type"] == "text/css; charset=utf-8")
        #expect(file.headers["Cache-Control"] == "public, max-age=31536000, immutable")
        let tag = try #require(file.headers["ETag"])
        let again = try await site.send(.get, path, headers: ["If-None-Match": "\"x\", W/\(tag)"])
        #expect(again.status == 304)
        #expect(again.text.isEmpty)
        #expect(try await site.send(.head, path).headers["Content-Length"] == "\(file.text.utf8.count)")
        for path in ["/static/x/../../Templates/Layout.mustache", "/static/x/..%2f..%2fetc%2fpasswd", "/static/"] {
            #expect(try await site.send(.get, path).status == 404, "\(path)")
        }
    }

    @Test("the colour scheme of the cookie is drawn from the first byte, and only a known one")
    func theme() async throws {
        let site = try await SiteFixture()
        let dark = try await site.send(.get, "/", headers: ["Cookie": "theme=dark"])
        #expect(dark.text.contains(#"data-theme="dark""#))
        let odd = try await site.send(.get, "/", headers: ["Cookie": "theme=%22%3E%3Cb%3E"])
        #expect(odd.text.contains(#"data-theme="auto""#))
    }

    @Test("pages are read only, and errors are pages") func methods() async throws {
        let site = try await SiteFixture()
        let answer = try await site.send(.post, "/repository/ada/app")
        #expect(answer.status == 405)
        #expect(answer.headers["Allow"] == "GET, HEAD")
        #expect(try await site.send(.get, "/signout/").status == 405)
        let missing = try await site.send(.get, "/no/such/page")
        #expect(missing.status == 404)
        #expect(missing.text.contains("There is nothing here"))
        #expect(try await site.send(.head, "/").text.isEmpty)
        let large = try await site.send(
            .post, "/signin/", String(repeating: "a", count: 100_000),
            headers: ["Content-Type": "application/x-www-form-urlencoded"])
        #expect(large.status == 413)
    }

    @Test("without build support there are no builds, and without passwords no form") func features() async throws {
        let site = try await SiteFixture { $0 = Site(urls: $0.urls, features: []) }
        let proof = try await site.repository("ada/app", of: try await site.user("ada"), .public)
        let build = try await site.build(in: proof)
        #expect(try await site.send(.get, "/repository/ada/app/build/\(build.uuid)").status == 404)
        #expect(try await site.send(.get, "/repository/ada/app/build/\(build.uuid)/log.txt").status == 404)
        #expect(try await site.send(.get, "/signin/").status == 404)
        #expect(RepositoryHeader.tabs(for: .admin, hasBuilds: false) == [.information])
    }

    @Test("without anonymous access there is only the sign-in page") func closedSite() async throws {
        let site = try await SiteFixture(anonymousAccess: false)
        #expect(try await site.send(.get, "/").status == 403)
        #expect(try await site.send(.get, "/signin/").status == 200)
    }
}
