import Domain
import Foundation
import Logging
import ObjectStorage
import Runtime
import SQL
import Secrets
import Synchronization
import TestSupport

@testable import RegistryCore

/// A registry with all its services on a fresh database, and a clock that moves only when told.
final class CoreFixture: Sendable {
    static let hostname = "registry.test"

    let database: TestDatabase
    let platform: Platform
    let registry: Registry

    /// - Parameter change: what differs from the defaults of the configuration.
    init(
        _ engine: TestDatabase.Engine = .sqlite, anonymousAccess: Bool = true,
        passwords: PasswordHasher = PasswordHasher(cost: 4, randomness: .system), quotas: QuotaSettings = .off,
        change: (inout SiteSettings) throws -> Void = { _ in }
    ) async throws {
        let database = try await engine.make()
        try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
        self.database = database
        let time = Seconds()
        self.time = time
        platform = Platform(
            database: database, objects: MemoryStore(),
            cipher: FieldCipher(secret: "secret of the test database", randomness: .system),
            // Cheap hashes: the rules do not depend on the cost.
            passwords: passwords, secretKey: "secret key of the test",
            clock: WallClock(now: { time.date }, sleep: { try await WallClock.system.sleep(for: $0) }),
            logger: Logger(label: "test"))
        var site = SiteSettings(
            hostname: Self.hostname, library: try Username("library"), anonymousAccess: anonymousAccess,
            quotas: quotas)
        try change(&site)
        registry = Registry(platform: platform, site: site)
    }

    private let time: Seconds

    var now: Date { time.date }
    func advance(_ seconds: TimeInterval) { time.advance(seconds) }

    @discardableResult
    func user(_ name: String, password: String = "password", email: String? = nil) async throws -> Account {
        try await registry.accounts.create(
            AccountService.NewUser(username: name, password: password, email: email), .signUp)
    }

    func caller(_ account: Account, scopes: ScopeSet = .everything) throws -> Caller {
        Caller(
            identity: .user(id: account.id, name: try Username(account.name)), credential: .password,
            generation: account.generation, scopes: scopes)
    }

    func namespace(
        _ name: String, of account: Account, right: NamespaceRight = .administer
    ) async throws -> NamespaceAccess {
        try await registry.access.namespace(Username(name), right, for: caller(account))
    }

    @discardableResult
    func organization(_ name: String, of owner: Account) async throws -> Account {
        try await registry.organizations.create(
            name, email: nil, by: registry.access.user(.userAdmin, for: caller(owner)))
    }

    @discardableResult
    func repository(
        _ name: String, of owner: Account, _ visibility: Repository.Visibility = .private
    ) async throws -> Repository {
        let name = try RepositoryName(name)
        return try await registry.repositories.create(
            name, visibility, description: nil, in: namespace(name.namespace.text, of: owner))
    }

    func robot(_ name: String, of owner: Account) async throws -> RobotService.Revealed {
        let name = try RobotName(name)
        return try await registry.robots.create(
            name.shortName, description: "", metadataJSON: "{}", in: namespace(name.namespace.text, of: owner))
    }

    func permit(_ name: String, _ role: RepositoryRole, in repository: String, by owner: Account) async throws {
        _ = try await registry.permissions.set(
            role, for: name, in: registry.access.repository(RepositoryName(repository), .admin, for: caller(owner)))
    }

    static func basic(_ name: String, _ password: String) -> String {
        "Basic " + Data("\(name):\(password)".utf8).base64EncodedString()
    }

    /// What `body` throws, which must be a `RegistryError`.
    static func kind(_ body: () async throws -> Void) async throws -> RegistryError.Kind? {
        do {
            try await body()
            return nil
        } catch let error as RegistryError { return error.kind }
    }
}

/// The seconds on a test's clock.
private final class Seconds: Sendable {
    private let value = Mutex<TimeInterval>(1_700_000_000)
    var date: Date { Date(timeIntervalSince1970: value.withLock { $0 }) }
    func advance(_ seconds: TimeInterval) { value.withLock { $0 += seconds } }
}
