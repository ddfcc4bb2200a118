import Domain
import Foundation
import HTTPTypes
import RegistryCore
import SQL
import Secrets
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// Every route against every kind of caller, so that a route that forgets its check is noticed by its name.
@Suite("Every route against every role") struct RouteMatrixTests {
    /// Who calls. The things in the paths belong to `owner`, or to the organization `acme` of `owner`.
    enum Role: String, CaseIterable, Sendable {
        case nobody, stranger, reader, writer, member, owner, superuser
        /// The owner, by a token that may do nothing.
        case emptyToken
    }

    /// Whether a caller passes the access of a route; what happens behind it is the routes' own tests' business.
    static func passes(_ role: Role, _ access: APIAccess) -> Bool {
        switch access {
        case .everybody: true
        case .user: ![.nobody, .emptyToken].contains(role)
        case .repository(.read): [.reader, .writer, .owner].contains(role)
        case .repository(.write): [.writer, .owner].contains(role)
        case .repository(.admin): role == .owner
        case .organization(.member): [.member, .owner].contains(role)
        case .organization: role == .owner
        // The body names acme.
        case .createRepository: role == .owner
        case .superuser: role == .superuser
        }
    }

    @Test("SEC-Authorisation slips: each route lets in exactly the roles that it declares", arguments: Role.allCases)
    func matrix(_ role: Role) async throws {
        let site = try await SiteFixture()
        let token = try await Self.prepare(site)[role]
        let headers: WebHeaders
        if let token { headers = Self.bearer(token) } else { headers = try await Self.anonymousSession(site) }
        for route in Features.routes where Self.isTested(route) {
            try await Self.check(route, role, headers, site)
        }
    }

    private static func check(_ route: APIRoute, _ role: Role, _ headers: WebHeaders, _ site: SiteFixture) async throws
    {
        let answer = try await site.send(
            method(route), path(of: route), body(of: route), headers: headers)
        let isRefused = [401, 403].contains(answer.status)
        if passes(role, route.access) {
            #expect(!isRefused, "\(role) \(route.operationID): \(answer.status) \(answer.text.prefix(200))")
        } else {
            #expect(isRefused, "\(role) \(route.operationID): \(answer.status) \(answer.text.prefix(200))")
            // Who is not signed in learns that; who is, that they may not. Never whether the thing exists.
            #expect(answer.status == (role == .nobody ? 401 : 403), "\(role) \(route.operationID)")
        }
    }

    @Test(
        "SEC-Secrets shown to readers: no answer to anybody but who administers it holds a robot's token",
        arguments: Role.allCases)
    func redaction(_ role: Role) async throws {
        let site = try await SiteFixture()
        let token = try await Self.prepare(site)[role]
        let owner = try #require(try await site.services.accounts.user(named: Username("owner")))
        let caller = Caller(identity: .user(id: owner.id, name: try Username("owner")), credential: .password)
        let acme = try await site.services.access.namespace(Username("acme"), .administer, for: caller)
        let robot = try await site.services.robots.find(Username("ci"), in: acme)
        for route in Features.routes where route.method == .get {
            let answer = try await site.send(.get, Self.path(of: route), headers: token.map(Self.bearer) ?? [:])
            let maySee = role == .owner && route.tag == "robot"
            #expect(maySee || !answer.text.contains(robot.token.text), "\(role) \(route.operationID)")
            #expect(!answer.text.contains("$2b$"), "\(role) \(route.operationID)")
        }
    }

    @Test("a repository that somebody may not see and one that does not exist look the same to them")
    func existence() async throws {
        let site = try await SiteFixture()
        let tokens = try await Self.prepare(site)
        for role in [Role.nobody, .stranger, .superuser] {
            let headers = tokens[role].map(Self.bearer) ?? [:]
            let shut = try await site.send(.get, "/api/v1/repository/acme/app", headers: headers)
            let none = try await site.send(.get, "/api/v1/repository/acme/none", headers: headers)
            #expect(shut.status == none.status)
            #expect(shut.json == none.json)
        }
    }

    /// Signing in and out is tested with browsers; a build's routes need a build.
    /// Whoever deletes themselves calls nothing any more.
    private static func isTested(_ route: APIRoute) -> Bool {
        route.tag != "build" && route.access != .everybody && route.operationID != "deleteCurrentUser"
    }

    private static func method(_ route: APIRoute) -> WebRequest.Method {
        WebRequest.Method(rawValue: route.method.rawValue) ?? .get
    }

    /// The route's path with things in it that exist, but for what a change would take away from the next route.
    private static func path(of route: APIRoute) -> String {
        let removes = route.method == .delete || route.path.hasSuffix("regenerate")
        return route.path.replacing("{repository}", with: route.method == .delete ? "acme/spare" : "acme/app")
            .replacing("{orgname}", with: route.operationID == "deleteAdminedOrganization" ? "spare" : "acme")
            .replacing("{robot_shortname}", with: removes ? "spare" : "ci")
            .replacing("{username}", with: "reader").replacing("{error_type}", with: "not_found")
    }

    private static func body(of route: APIRoute) -> String? {
        guard route.body != nil else { return nil }
        // Everything that any schema asks for; schemas take what they know.
        return #"""
            {"name":"fresh","repository":"fresh","namespace":"acme","visibility":"private","description":"d",
             "role":"read","password":"password","username":"somebody","key":"k","value":"v","media_type":null,
             "tagPattern":"v*","title":"t","type":"Warning","threshold_percent":80}
            """#
    }

    private static func bearer(_ token: String) -> WebHeaders { ["Authorization": "Bearer \(token)"] }

    /// What lets nobody past the CSRF rule, so that the access rule answers.
    private static func anonymousSession(_ site: SiteFixture) async throws -> WebHeaders {
        let browser = try await Browser(site)
        return ["Cookie": try #require(browser.cookie), "X-CSRF-Token": try #require(browser.csrfToken)]
    }

    private static func prepare(_ site: SiteFixture) async throws -> [Role: String] {
        var tokens: [Role: String] = [:]
        var accounts: [Role: Account] = [:]
        for role in [Role.stranger, .reader, .writer, .member, .owner, .superuser] {
            let account = try await site.user(role.rawValue)
            accounts[role] = account
            tokens[role] = try await site.token(of: account, Set(Scope.allCases))
        }
        let owner = try #require(accounts[.owner])
        tokens[.emptyToken] = try await site.token(of: owner, [])
        try await site.database.write { try $0.run("UPDATE account SET superuser = 1 WHERE name = 'superuser'") }
        let ownerToken = try #require(tokens[.owner])
        for (method, path, body) in [
            (.post, "/api/v1/organization/", #"{"name":"acme"}"#),
            (.post, "/api/v1/organization/", #"{"name":"spare"}"#),
            (.put, "/api/v1/organization/acme/robots/ci", nil), (.put, "/api/v1/organization/acme/robots/spare", nil),
            (
                .post, "/api/v1/repository",
                #"{"namespace":"acme","repository":"app","visibility":"private","description":""}"#
            ),
            (
                .post, "/api/v1/repository",
                #"{"namespace":"acme","repository":"spare","visibility":"private","description":""}"#
            ),
            (.put, "/api/v1/repository/acme/app/permissions/user/reader", #"{"role":"read"}"#),
            (.put, "/api/v1/repository/acme/spare/permissions/user/reader", #"{"role":"read"}"#),
            (.put, "/api/v1/repository/acme/app/permissions/user/writer", #"{"role":"write"}"#),
            (.put, "/api/v1/repository/acme/spare/permissions/user/writer", #"{"role":"write"}"#),
        ] as [(WebRequest.Method, String, String?)] {
            let answer = try await site.send(method, path, body, as: ownerToken)
            #expect((200..<300).contains(answer.status), "\(path): \(answer.text)")
        }
        for role in [Role.stranger, .reader, .writer, .member, .superuser] {
            _ = try await site.send(.put, "/api/v1/user/robots/ci", as: try #require(tokens[role]))
            _ = try await site.send(.put, "/api/v1/user/robots/spare", as: try #require(tokens[role]))
        }
        let member = try #require(accounts[.member])
        try await site.database.write { transaction in
            let acme = try transaction.number("SELECT id FROM account WHERE name = 'acme'") ?? 0
            let team =
                try transaction.number(
                    "INSERT INTO team (organization_id, name, role) VALUES (\(acme), 'people', 'member') RETURNING id")
                ?? 0
            try transaction.run("INSERT INTO team_member (team_id, account_id) VALUES (\(team), \(member.id))")
        }
        return tokens
    }
}
