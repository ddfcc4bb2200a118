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

/// A registry with the user `owner`, their repository `owner/app`, and a clock that moves only when told.
final class BuildFixture: Sendable {
    let database: TestDatabase
    let cipher = FieldCipher(secret: "secret of the test database", randomness: .system)
    let passwords = PasswordHasher(cost: 4, randomness: .system)
    let platform: Platform
    let access: AccessControl
    let service: BuildService

    init(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        self.database = database
        try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
        let start = Date(timeIntervalSince1970: 1_700_000_000)
        let time = Moment(start)
        self.moment = time
        platform = Platform(
            database: database, objects: MemoryStore(), cipher: cipher, passwords: passwords,
            clock: WallClock(now: { time.now }, sleep: { try await WallClock.system.sleep(for: $0) }),
            logger: Logger(label: "test"))
        access = AccessControl(database: database, anonymousAccess: true)
        service = BuildService(platform, access: access, settings: .init(registryHostname: "registry.test"))
        try await database.write { [cipher] transaction in
            for (id, name, kind) in [
                (1, "owner", "user"), (2, "other", "user"), (3, "owner+puller", "robot"), (4, "other+puller", "robot"),
            ] {
                try transaction.run(
                    """
                    INSERT INTO account (id, uuid, name, kind, created_ms)
                    VALUES (\(id), \("u\(id)"), \(name), \(kind), 0)
                    """)
            }
            for (id, owner, name) in [(3, 1, "owner"), (4, 2, "other")] {
                try transaction.run(
                    """
                    INSERT INTO robot (account_id, owner_id, token_cipher) VALUES (\(id), \(owner),
                        \(try cipher.encrypt("token of \(name)", for: RobotService.field("u\(id)"))))
                    """)
            }
            for (id, owner, name) in [(1, 1, "app"), (2, 1, "second"), (3, 2, "app")] {
                try transaction.run(
                    """
                    INSERT INTO repository (id, uuid, namespace_id, name, visibility, badge_token, created_ms)
                    VALUES (\(id), \("r\(id)"), \(owner), \(name), 'private', 'b', 0)
                    """)
            }
        }
    }

    private let moment: Moment

    var now: Date { moment.now }
    func advance(_ seconds: Double) { moment.advance(seconds) }

    func caller(_ name: String = "owner", scopes: ScopeSet = .everything) throws -> Caller {
        Caller(
            identity: .user(id: name == "owner" ? 1 : 2, name: try Username(name)), credential: .password,
            scopes: scopes)
    }

    func proof(
        _ repository: String = "owner/app", _ role: RepositoryRole = .admin, for caller: Caller? = nil
    ) async throws -> RepositoryAccess {
        let caller = try caller ?? self.caller(String(repository.prefix { $0 != "/" }))
        return try await access.repository(RepositoryName(repository), role, for: caller)
    }

    func request(
        _ source: BuildRequest.Source = .archive("https://example.com/a.tar.gz"), robot: String? = nil
    ) throws -> BuildRequest {
        BuildRequest(
            source: source, location: try DockerfileLocation(dockerfilePath: nil, subdirectory: nil, context: nil),
            tags: [try TagName("latest")], pullRobot: try robot.map { try RobotName($0) })
    }

    @discardableResult
    func enqueue(_ repository: String = "owner/app") async throws -> BuildView {
        try await service.request(request(), in: proof(repository), ip: "192.0.2.1")
    }

    func attempts(_ manager: String = "one", on database: TestDatabase? = nil) -> BuildAttemptService {
        BuildAttemptService(
            Platform(
                database: database ?? self.database, objects: platform.objects, cipher: cipher, passwords: passwords,
                clock: platform.clock,
                logger: platform.logger),
            timing: .init(), manager: manager)
    }

    func phase(_ uuid: String) async throws -> String {
        try await service.find(uuid, in: proof()).shownPhase.text
    }

    func log(_ uuid: String) async throws -> [String] {
        let build = try await service.find(uuid, in: proof()).build
        return try await DatabaseBuildLogStore(database).page(of: BuildLogName(build), from: 0, limit: 1000)?.entries
            .map(\.message) ?? []
    }
}

/// A moment that tests move.
final class Moment: Sendable {
    private let value: Mutex<Date>
    init(_ start: Date) { value = Mutex(start) }
    var now: Date { value.withLock { $0 } }
    func advance(_ seconds: Double) { value.withLock { $0 += seconds } }
}

extension BuildAttemptService.Claim {
    var job: BuildAttemptService.Job? {
        if case .job(let job) = self { job } else { nil }
    }
}

extension BuildFixture {
    func jobTokens(audience: String = "manager.test") -> JobTokens {
        JobTokens(
            platform, keys: ServiceKeys(platform: platform, service: "buildman"), audience: audience)
    }

    /// What a client may do that logs in as `$token` with this password; nil when the password is refused.
    func grant(_ password: String) async throws -> DelegateGrant? {
        let stored = try await database.read {
            try DelegateTokenStore.live(named: String(password.prefix(DelegateTokenService.nameLength)), in: $0)
        }
        return stored?.grant
    }
}
