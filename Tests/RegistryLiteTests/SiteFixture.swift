import Domain
import Foundation
import Hummingbird
import Logging
import ObjectStorage
import RegistryCore
import Runtime
import SQL
import Secrets
import Synchronization
import Telemetry
import TestSupport
import WebRequests

@testable import RegistryLite

/// The whole site, served on a free port of the loopback over a fresh database, and a client for it.
final class SiteFixture: Sendable {
    static let hostname = "registry.test"

    let database: TestDatabase
    let services: Registry
    let base: String
    /// What was said about each request.
    let answered = Answered()

    final class Answered: Sendable {
        let all = Mutex<[AnsweredRequest]>([])
        var last: AnsweredRequest? { all.withLock { $0.last } }
    }

    private let client = WebClient(addresses: .any)
    private let server: Task<Void, any Error>

    /// - Parameters:
    ///   - change: what differs from the defaults of the edges.
    ///   - settings: what differs from the defaults of the core.
    init(
        _ engine: TestDatabase.Engine = .sqlite, anonymousAccess: Bool = true, superusers: Set<String> = [],
        objects: any ObjectStore = MemoryStore(), showsMetrics: Bool = true,
        passwords: PasswordHasher = PasswordHasher(cost: 4, randomness: .system),
        change: (inout Site) -> Void = { _ in }, settings: (inout SiteSettings) -> Void = { _ in }
    ) async throws {
        database = try await engine.make()
        try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
        let platform = Platform(
            database: database, objects: objects,
            cipher: FieldCipher(secret: "secret of the test database", randomness: .system),
            passwords: passwords, secretKey: "secret key of the test",
            // Time stands still: what waits in a test waits until the test has looked.
            clock: WallClock(
                now: { Date(timeIntervalSince1970: 1_700_000_000) },
                sleep: { try await WallClock.system.sleep(for: $0) }), logger: Logger(label: "test"))
        var core = SiteSettings(
            hostname: Self.hostname, library: try Username("library"), anonymousAccess: anonymousAccess,
            superusers: superusers, quotas: QuotaSettings(isOn: true))
        settings(&core)
        services = Registry(platform: platform, site: core)
        var site = Site(
            urls: URLs(scheme: "http", hostname: Self.hostname), features: Set(Feature.allCases).subtracting([.mailing])
        )
        site.anonymousAccess = anonymousAccess
        change(&site)
        let registry = PrometheusRegistry()
        var responder = Composition.responder(
            services, site: site, pages: PageTokens(secret: "secret of the test pages", randomness: .system),
            web: try WebPages(services: services, site: site, share: ShareFolder()),
            metrics: MetricsText(
                factory: registry, contentType: PrometheusText.contentType, text: { registry.text() }),
            showsMetrics: showsMetrics)
        let (report, answered) = (responder.report, self.answered)
        responder.report = { request in
            report(request)
            answered.all.withLock { $0.append(request) }
        }
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: responder, server: ServerPlumbing.builder(),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: Logger(label: "test"))
        server = Task {
            defer { port.finish() }
            try await application.run()
        }
        var found = 0
        for await port in ports {
            found = port
            break
        }
        base = "http://127.0.0.1:\(found)"
    }

    deinit { server.cancel() }

    /// One answer of the site.
    struct Answer: Sendable {
        let status: Int
        let headers: WebHeaders
        let text: String

        /// The body; null when it is not JSON.
        var json: JSONValue { (try? JSONValue(parsing: Array(text.utf8))) ?? .null }
    }

    func send(
        _ method: WebRequest.Method, _ path: String, _ body: String? = nil, headers: WebHeaders = [:]
    ) async throws -> Answer {
        var request = WebRequest(method, base + path, headers: headers)
        if let body { request.body = .bytes(Array(body.utf8)) }
        request.redirects = .none
        let response = try await client.send(request)
        return Answer(status: response.status, headers: response.headers, text: response.text)
    }

    /// The same with an OAuth token.
    func send(
        _ method: WebRequest.Method, _ path: String, _ body: String? = nil, as token: String
    ) async throws -> Answer {
        try await send(method, path, body, headers: ["Authorization": "Bearer \(token)"])
    }

    @discardableResult
    func user(_ name: String) async throws -> Account {
        try await services.accounts.create(
            AccountService.NewUser(username: name, password: "password", email: nil), .signUp)
    }

    /// A user and a token of theirs with every scope.
    func token(_ name: String) async throws -> String {
        try await services.oauthTokens.initialToken(for: try await user(name)).text
    }

    /// A token of an existing user that carries only `scopes`.
    func token(of account: Account, _ scopes: Set<Scope>) async throws -> String {
        let token = try await services.oauthTokens.initialToken(for: account).text
        let text = ScopeSet.only(scopes).text
        try await database.write {
            try $0.run("UPDATE oauth_token SET scope = \(text) WHERE token_name = \(String(token.prefix(20)))")
        }
        return token
    }
}

/// A browser as far as the API can tell: it keeps one cookie and the CSRF token of the last answer.
final class Browser {
    private let site: SiteFixture
    private(set) var cookie: String?
    private(set) var csrfToken: String?

    init(_ site: SiteFixture) async throws {
        self.site = site
        csrfToken = try await send(.get, "/csrf_token").json["csrf_token"]?.string
    }

    func send(_ method: WebRequest.Method, _ path: String, _ body: String? = nil) async throws -> SiteFixture.Answer {
        var headers: WebHeaders = [:]
        if let cookie { headers["Cookie"] = "other=1; \(cookie)" }
        if let csrfToken { headers["X-CSRF-Token"] = csrfToken }
        let answer = try await site.send(method, path, body, headers: headers)
        if let set = answer.headers["Set-Cookie"] { cookie = set.split(separator: ";").first.map(String.init) }
        if let next = answer.headers["X-Next-CSRF-Token"] { csrfToken = next }
        return answer
    }

    @discardableResult
    func signIn(_ name: String, _ password: String = "password") async throws -> SiteFixture.Answer {
        try await send(.post, "/api/v1/signin", #"{"username":"\#(name)","password":"\#(password)"}"#)
    }
}
