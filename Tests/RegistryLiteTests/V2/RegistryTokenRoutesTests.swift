import Domain
import Foundation
import RegistryCore
import SQL
import Secrets
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// A site with people, robots and repositories in every state, and a client of `/v2/auth`.
struct TokenDesk: Sendable {
    let site: SiteFixture
    /// What each kind of credential sends: user name and password.
    let credentials: [Credential: (name: String, password: String)]

    enum Credential: String, CaseIterable, Sendable {
        case owner, ownerByEmail, encrypted, robot, oauth, readOnlyOAuth, app, delegate, stranger, reader
        case disabledUser, robotOfDisabled, wrongPassword, wrongRobot, wrongApp
    }

    init(_ engine: TestDatabase.Engine = .sqlite, settings: (inout SiteSettings) -> Void = { _ in }) async throws {
        let site = try await SiteFixture(engine, settings: settings)
        let services = site.services
        let owner = try await services.accounts.create(
            .init(username: "owner", password: "password", email: "owner@example.com"), .signUp)
        for name in ["stranger", "reader", "gone", "victim"] { try await site.user(name) }
        let caller = Caller(identity: .user(id: owner.id, name: try Username("owner")), credential: .password)
        let user = try services.access.user(.userAdmin, for: caller)
        for name in ["acme", "library"] { _ = try await services.organizations.create(name, email: nil, by: user) }
        for (name, visibility) in [
            ("owner/open", .public), ("owner/shut", .private), ("owner/readonly", .private),
            ("owner/mirror", .private), ("owner/deleted", .public), ("library/tool", .public),
        ] as [(String, Repository.Visibility)] {
            let name = try RepositoryName(name)
            _ = try await services.repositories.create(
                name, visibility, description: nil,
                in: services.access.namespace(name.namespace, .administer, for: caller))
        }
        let shut = try await services.access.repository(RepositoryName("owner/shut"), .admin, for: caller)
        _ = try await services.permissions.set(.read, for: "reader", in: shut)
        let own = try await services.access.namespace(Username("owner"), .administer, for: caller)
        let robot = try await services.robots.create(
            Username("ci"), description: "", metadataJSON: "{}", in: own)
        _ = try await services.permissions.set(.write, for: "owner+ci", in: shut)
        let gone = try #require(try await services.accounts.user(named: Username("gone")))
        let goneRobot = try await services.robots.create(
            Username("ci"), description: "", metadataJSON: "{}",
            in: services.access.namespace(
                Username("gone"), .administer,
                for: Caller(identity: .user(id: gone.id, name: try Username("gone")), credential: .password)))
        let oauth = try await site.token(of: owner, Set(Scope.allCases))
        let readOnly = try await site.token(of: owner, [.repositoryRead])
        let app = try await services.appTokens.create("laptop", for: user, ip: nil)
        let draft = try services.delegateTokens.draft()
        try await site.database.write { transaction in
            try DelegateTokenService.issue(
                draft, named: "hook", repositoryID: shut.repository.id, role: .write, in: transaction)
            try transaction.run("UPDATE repository SET state = 1 WHERE name = 'readonly'")
            try transaction.run("UPDATE repository SET state = 2 WHERE name = 'mirror'")
            try transaction.run("UPDATE repository SET state = 3 WHERE name = 'deleted'")
            try transaction.run("UPDATE account SET enabled = 0 WHERE name = 'gone'")
        }
        self.site = site
        credentials = [
            .owner: ("owner", "password"), .ownerByEmail: ("Owner@Example.com", "password"),
            .encrypted: ("owner", try await services.encryptedPasswords.make(for: owner).text),
            .robot: ("owner+ci", robot.token.text), .oauth: ("$oauthtoken", oauth),
            .readOnlyOAuth: ("$oauthtoken", readOnly), .app: ("$app", app.code.text),
            .delegate: ("$token", draft.token.text), .stranger: ("stranger", "password"),
            .reader: ("reader", "password"), .disabledUser: ("gone", "password"),
            .robotOfDisabled: ("gone+ci", goneRobot.token.text), .wrongPassword: ("victim", "wrong password"),
            .wrongRobot: ("owner+ci", "WRONG"), .wrongApp: ("$app", "WRONG"),
        ]
    }

    /// One answer of `/v2/auth`; `query` as a client writes it, blanks allowed.
    func ask(_ query: String, as credential: Credential?, header: String? = nil) async throws -> SiteFixture.Answer {
        var headers: WebHeaders = [:]
        if let header { headers["Authorization"] = header }
        if let credential, let (name, password) = credentials[credential] {
            headers["Authorization"] = "Basic " + Data("\(name):\(password)".utf8).base64EncodedString()
        }
        let query = query.replacing(" ", with: "%20")
        return try await site.send(.get, "/v2/auth?service=registry.test&\(query)", headers: headers)
    }

    func post(_ form: [String: String]) async throws -> SiteFixture.Answer {
        let body = form.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")"
        }.joined(separator: "&")
        return try await site.send(
            .post, "/v2/auth", body, headers: ["Content-Type": "application/x-www-form-urlencoded"])
    }

    /// What the token of an answer grants: `name:action,action`, one for each scope.
    static func granted(_ answer: SiteFixture.Answer) throws -> [String] {
        let claims = try claims(answer)
        return (claims["access"]?.array ?? []).map { entry in
            let actions = (entry["actions"]?.array ?? []).compactMap(\.string)
            return "\(entry["name"]?.string ?? "?"):\(actions.joined(separator: ","))"
        }
    }

    static func claims(_ answer: SiteFixture.Answer) throws -> JSONValue {
        let token = try #require(answer.json["token"]?.string, "\(answer.status) \(answer.text)")
        let payload = try #require(Base64URL.decode(String(token.split(separator: ".")[1])))
        return try JSONValue(parsing: payload)
    }
}

extension SiteFixture.Answer {
    /// The first code of a `/v2` error.
    var code: String? { json["errors"]?.array?.first?["code"]?.string }
}

@Suite("Asking for registry tokens") struct RegistryTokenRoutesTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let why: String
        let who: TokenDesk.Credential?
        let query: String
        let expected: Expected
        enum Expected: Sendable, Equatable {
            case granted([String])
            case refused(Int, String)
        }
        init(_ why: String, _ who: TokenDesk.Credential?, _ query: String, _ granted: [String]) {
            (self.why, self.who, self.query, expected) = (why, who, query, .granted(granted))
        }
        init(_ why: String, _ who: TokenDesk.Credential?, _ query: String, _ status: Int, _ code: String) {
            (self.why, self.who, self.query, expected) = (why, who, query, .refused(status, code))
        }
        var testDescription: String { why }
    }

    static let rows: [Row] = [
        Row("nobody who asks for nothing", nil, "", 401, "UNAUTHORIZED"),
        Row("nobody with an empty scope", nil, "scope=", 401, "UNAUTHORIZED"),
        Row("a wrong password, before the scope is looked at", .wrongPassword, "scope=nonsense", 401, "UNAUTHORIZED"),
        Row("a wrong robot token", .wrongRobot, "scope=repository:owner/open:pull", 401, "UNAUTHORIZED"),
        Row("a wrong app token", .wrongApp, "scope=repository:owner/open:pull", 401, "UNAUTHORIZED"),
        Row("a disabled user", .disabledUser, "", 401, "UNAUTHORIZED"),
        Row("a robot whose owner is disabled", .robotOfDisabled, "", 401, "UNAUTHORIZED"),
        Row("signing in without a scope", .owner, "account=owner&client_id=docker&offline_token=true", []),
        Row("a type that is not ours", .owner, "scope=thing:owner/open:pull", 400, "INVALID_REQUEST"),
        Row("the catalog, which needs no grant", .owner, "scope=registry:catalog:*", []),
        Row("something else of the registry", .owner, "scope=registry:other:*", 400, "INVALID_REQUEST"),
        Row(
            "a host that is not ours", .owner, "scope=repository:other.test:5000/owner/open:pull", 400,
            "INVALID_REQUEST"),
        Row("an action that is none", .owner, "scope=repository:owner/open:burn", 400, "INVALID_REQUEST"),
        Row("no action", .owner, "scope=repository:owner/open", 400, "INVALID_REQUEST"),
        Row("an empty action", .owner, "scope=repository:owner/open:", 400, "INVALID_REQUEST"),
        Row("a character that no name has", .owner, "scope=repository:owner/o%25pen:pull", 400, "INVALID_REQUEST"),
        Row("a name in capitals", .owner, "scope=repository:owner/Open:pull", 400, "NAME_INVALID"),
        Row("a name that climbs", .owner, "scope=repository:owner/../shut:pull", 400, "NAME_INVALID"),
        Row("a disabled namespace", .owner, "scope=repository:gone/app:pull", 405, "DENIED"),
        Row("a disabled namespace, for nobody", nil, "scope=repository:gone/app:pull", 405, "DENIED"),
        Row("nobody pulls what is public", nil, "scope=repository:owner/open:pull", ["owner/open:pull"]),
        Row("nobody pushes", nil, "scope=repository:owner/open:pull,push", ["owner/open:pull"]),
        Row("nobody pulls what is private", nil, "scope=repository:owner/shut:pull", ["owner/shut:"]),
        Row("nobody asks for what is missing", nil, "scope=repository:owner/none:pull", ["owner/none:"]),
        Row("a repository marked for deletion", .stranger, "scope=repository:owner/deleted:pull", ["owner/deleted:"]),
        Row("everything for the owner", .owner, "scope=repository:owner/shut:pull,push,*", ["owner/shut:pull,push,*"]),
        Row("by e-mail address", .ownerByEmail, "scope=repository:owner/shut:push", ["owner/shut:push"]),
        Row("by encrypted password", .encrypted, "scope=repository:owner/shut:push", ["owner/shut:push"]),
        Row("by app token", .app, "scope=repository:owner/shut:push", ["owner/shut:push"]),
        Row("by OAuth token", .oauth, "scope=repository:owner/shut:push", ["owner/shut:push"]),
        Row(
            "an OAuth token's scope caps", .readOnlyOAuth, "scope=repository:owner/shut:pull,push", ["owner/shut:pull"]),
        Row("a robot's role", .robot, "scope=repository:owner/shut:pull,push,*", ["owner/shut:pull,push"]),
        Row("a robot elsewhere", .robot, "scope=repository:owner/readonly:pull", ["owner/readonly:"]),
        Row("a robot creates nothing by itself", .robot, "scope=repository:owner/robots:push", ["owner/robots:"]),
        Row(
            "a delegate token in its repository", .delegate, "scope=repository:owner/shut:pull,push,*",
            ["owner/shut:pull,push"]),
        Row("a delegate token elsewhere", .delegate, "scope=repository:owner/mirror:pull", ["owner/mirror:"]),
        Row("a delegate token creates nothing", .delegate, "scope=repository:owner/other:push", ["owner/other:"]),
        Row("a reader", .reader, "scope=repository:owner/shut:pull,push", ["owner/shut:pull"]),
        Row("a stranger", .stranger, "scope=repository:owner/shut:pull,push", ["owner/shut:"]),
        Row("a read-only repository", .owner, "scope=repository:owner/readonly:pull,push,*", ["owner/readonly:pull"]),
        Row("a mirror", .owner, "scope=repository:owner/mirror:pull,push,*", ["owner/mirror:pull"]),
        Row(
            "a pull of what is missing creates nothing", .owner, "scope=repository:owner/none:pull", ["owner/none:pull"]
        ),
        Row("a push creates", .owner, "scope=repository:owner/new:pull,push", ["owner/new:pull,push"]),
        Row(
            "a push creates below an organization", .app, "scope=repository:acme/team/new:push", ["acme/team/new:push"]),
        Row("a push creates in nobody's namespace", .owner, "scope=repository:nobody/new:push", ["nobody/new:"]),
        Row(
            "a push creates in a stranger's namespace", .stranger, "scope=repository:owner/theirs:push",
            ["owner/theirs:"]),
        Row("creating needs its scope", .readOnlyOAuth, "scope=repository:owner/new2:push", ["owner/new2:"]),
        Row(
            "our own host before the name", nil, "scope=repository:registry.test/owner/open:pull",
            ["registry.test/owner/open:pull"]),
        Row("no namespace is the library", nil, "scope=repository:tool:pull", ["tool:pull"]),
        Row(
            "several parameters, as for a mount", .owner,
            "scope=repository:owner/shut:pull&scope=repository:acme/mounted:pull,push",
            ["owner/shut:pull", "acme/mounted:pull,push"]),
        Row(
            "several in one parameter", .reader, "scope=repository:owner/shut:pull repository:owner/open:push",
            ["owner/shut:pull", "owner/open:"]),
        Row(
            "the same twice", .owner, "scope=repository:owner/shut:pull&scope=repository:owner/shut:push",
            ["owner/shut:pull", "owner/shut:push"]),
        Row(
            "one bad scope spoils all", .owner, "scope=repository:owner/shut:pull&scope=repository::pull", 400,
            "INVALID_REQUEST"),
    ]

    @Test("each row of the table is answered as it says", arguments: TestDatabase.allEngines)
    func table(_ engine: TestDatabase.Engine) async throws {
        let desk = try await TokenDesk(engine)
        for row in Self.rows {
            let answer = try await desk.ask(row.query, as: row.who)
            switch row.expected {
            case .granted(let granted):
                #expect(answer.status == 200, "\(row.why): \(answer.text)")
                #expect(try TokenDesk.granted(answer) == granted, "\(row.why)")
                #expect(answer.headers["Cache-Control"]?.contains("no-store") == true)
                #expect(answer.json["refresh_token"] == nil)
            case .refused(let status, let code):
                #expect(answer.status == status, "\(row.why): \(answer.text)")
                #expect(answer.code == code, "\(row.why)")
                #expect((answer.headers["WWW-Authenticate"] != nil) == (status == 401), "\(row.why)")
            }
            #expect(answer.headers["Docker-Distribution-API-Version"] == "registry/2.0")
        }
        let made = try await desk.site.database.read { transaction in
            try ["owner/new", "acme/team/new", "owner/none", "owner/robots"].map {
                try RepositoryStore.find(RepositoryName($0), in: transaction)?.visibility
            }
        }
        #expect(made == [.private, .private, nil, nil])
    }

    @Test(
        "headers that are no Basic credential are refused",
        arguments: ["", "Basic", "Basic !!!", "Bearer x", "Basic YQ=="])
    func headers(_ header: String) async throws {
        let desk = try await TokenDesk()
        let answer = try await desk.ask("scope=repository:owner/open:pull", as: nil, header: header)
        #expect(answer.status == 401)
        #expect(answer.code == "UNAUTHORIZED")
    }

    @Test("the token names who came and how", arguments: TokenDesk.Credential.allCases)
    func contexts(_ credential: TokenDesk.Credential) async throws {
        let expected: [TokenDesk.Credential: (kind: String, subject: String?)] = [
            .owner: ("user", "owner"), .ownerByEmail: ("user", "owner"), .encrypted: ("user", "owner"),
            .robot: ("robot", "owner+ci"), .oauth: ("oauthtoken", "owner"), .app: ("appspecifictoken", "owner"),
            .delegate: ("token", nil),
        ]
        guard let expected = expected[credential] else { return }
        let answer = try await TokenDesk().ask("scope=repository:owner/shut:pull", as: credential)
        let claims = try TokenDesk.claims(answer)
        #expect(claims["sub"]?.string == expected.subject)
        #expect(claims["context"]?["entity_kind"]?.string == expected.kind)
        #expect(claims["aud"]?.string == "registry.test")
    }

    @Test("a first push makes a public repository, and a namespace, where the configuration says so")
    func firstPush() async throws {
        let desk = try await TokenDesk {
            $0.registryTokens.createsPrivateRepositories = false
            $0.registryTokens.createsNamespaces = true
        }
        let granted = try TokenDesk.granted(try await desk.ask("scope=repository:fresh/app:push", as: .owner))
        #expect(granted == ["fresh/app:push"])
        let made = try await desk.site.database.read { try RepositoryStore.find(RepositoryName("fresh/app"), in: $0) }
        #expect(made?.visibility == .public)
        #expect(made?.isOrganization == true)
        // A robot, a token without the scope, and somebody else's or a disabled name make none.
        for (who, name) in [
            (.robot, "fresh2/app"), (.readOnlyOAuth, "fresh2/app"), (.delegate, "fresh2/app"), (nil, "fresh2/app"),
            (.stranger, "acme/app"), (.stranger, "fresh/other"),
        ] as [(TokenDesk.Credential?, String)] {
            let answer = try await desk.ask("scope=repository:\(name):push", as: who)
            #expect(try TokenDesk.granted(answer) == ["\(name):"], "\(String(describing: who))")
        }
        #expect(try await desk.ask("scope=repository:gone/app:push", as: .owner).status == 405)
    }

    @Test("a registry that is read-only grants no push and creates nothing") func readOnly() async throws {
        let desk = try await TokenDesk { $0.registryTokens.isReadOnly = true }
        let answer = try await desk.ask(
            "scope=repository:owner/shut:pull,push,*&scope=repository:owner/new:pull,push", as: .owner)
        #expect(try TokenDesk.granted(answer) == ["owner/shut:pull", "owner/new:pull"])
        let made = try await desk.site.database.read { try RepositoryStore.find(RepositoryName("owner/new"), in: $0) }
        #expect(made == nil)
    }

    @Test("a password must be encrypted where the configuration says so, and tokens go on") func encryptedOnly()
        async throws
    {
        let desk = try await TokenDesk { $0.credentials.requiresEncryptedPasswords = true }
        for who in [TokenDesk.Credential.owner, .wrongPassword] {
            let answer = try await desk.ask("", as: who)
            #expect(answer.status == 401)
            #expect(answer.text.contains("Client login with unencrypted passwords is disabled"))
        }
        for who in [TokenDesk.Credential.encrypted, .robot, .app, .oauth, .delegate] {
            #expect(try await desk.ask("", as: who).status == 200, "\(who)")
        }
    }

    @Test("app tokens or passwords are refused where the configuration has none") func withoutKinds() async throws {
        let desk = try await TokenDesk { $0.credentials.takesAppTokens = false }
        #expect(try await desk.ask("", as: .app).status == 401)
        #expect(try await desk.ask("", as: .owner).status == 200)
        let tokensOnly = try await TokenDesk { $0.credentials.takesPasswords = false }
        for who in [TokenDesk.Credential.owner, .encrypted] {
            #expect(try await tokensOnly.ask("", as: who).status == 401)
        }
        #expect(try await tokensOnly.ask("", as: .app).status == 200)
    }

    @Test("without anonymous access nobody pulls what is public, and everybody who signs in does") func closed()
        async throws
    {
        let site = try await SiteFixture(anonymousAccess: false)
        let owner = try await site.user("owner")
        let caller = Caller(identity: .user(id: owner.id, name: try Username("owner")), credential: .password)
        _ = try await site.services.repositories.create(
            RepositoryName("owner/open"), .public, description: nil,
            in: site.services.access.namespace(Username("owner"), .administer, for: caller))
        try await site.user("other")
        let path = "/v2/auth?service=registry.test&scope=repository:owner/open:pull"
        #expect(try TokenDesk.granted(try await site.send(.get, path)) == ["owner/open:"])
        let basic = "Basic " + Data("other:password".utf8).base64EncodedString()
        let answer = try await site.send(.get, path, headers: ["Authorization": basic])
        #expect(try TokenDesk.granted(answer) == ["owner/open:pull"])
    }

    @Test("SEC-Resource exhaustion: a request names a bounded number of scopes") func manyScopes() async throws {
        let desk = try await TokenDesk()
        let scopes = (0...RegistryTokenRoutes.maximumScopes).map { "scope=repository:owner/many\($0):push" }
        let answer = try await desk.ask(scopes.joined(separator: "&"), as: .owner)
        #expect(answer.status == 400)
        let made = try await desk.site.database.read { try RepositoryStore.find(RepositoryName("owner/many0"), in: $0) }
        #expect(made == nil)
    }
}
