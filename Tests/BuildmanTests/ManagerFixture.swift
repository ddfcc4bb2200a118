import BuildProtocol
import Domain
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import GRPCNIOTransportHTTP2Posix
import Logging
import ObjectStorage
import Runtime
import SQL
import Secrets
import ServiceLifecycle
import Synchronization
import TestSupport

@testable import Buildman
@testable import RegistryCore

/// An executor that starts nothing: tests play the builders.
actor ScriptedExecutor: Executor {
    nonisolated let profile: ExecutorProfile
    nonisolated let ends: AsyncStream<BuilderEnd>
    nonisolated let launches: AsyncStream<BuilderLaunch>
    private let ended: AsyncStream<BuilderEnd>.Continuation
    private let launched: AsyncStream<BuilderLaunch>.Continuation
    private var failure: ExecutorFailure?
    private(set) var stopped: [JobKey] = []
    private(set) var reaped: [Set<JobKey>] = []

    init(setupTime: Duration = .seconds(500)) {
        profile = ExecutorProfile(
            name: "scripted", setupTime: setupTime, server: "127.0.0.1:1", stopsWithManager: true)
        (ends, ended) = AsyncStream.makeStream(of: BuilderEnd.self)
        (launches, launched) = AsyncStream.makeStream(of: BuilderLaunch.self)
    }

    func fail(with failure: ExecutorFailure?) { self.failure = failure }
    func end(_ key: JobKey, _ how: String) { ended.yield(BuilderEnd(key: key, how: how)) }

    func start(_ launch: BuilderLaunch) throws -> String {
        if let failure { throw failure }
        launched.yield(launch)
        return "execution of \(launch.key)"
    }
    func stop(_ key: JobKey) { stopped.append(key) }
    func reap(keeping live: Set<JobKey>) { reaped.append(live) }
    func keptBuilders() -> Int { 0 }
}

/// A build manager in this process on a free port, with a repository `owner/app` and builders that tests play.
final class ManagerFixture: Sendable {
    let database: TestDatabase
    let platform: Platform
    let builds: BuildService
    let access: AccessControl
    let executor: ScriptedExecutor
    let supervisor: JobSupervisor
    let attempts: BuildAttemptService
    let tokens: JobTokens
    private let offset = Box<Double>(0)
    private let server: AgentServer
    private let loops: [any Service]

    init(
        database: TestDatabase? = nil, timing: JobStateMachine.Timing = .init(),
        attemptTiming: BuildAttemptService.Timing = .init(), setupTime: Duration = .seconds(500)
    ) async throws {
        let isFresh = database == nil
        let database = try database ?? TestDatabase.sqlite()
        self.database = database
        let logger = Logger(label: "test")
        let offset = self.offset
        platform = Platform(
            database: database, objects: MemoryStore(),
            cipher: FieldCipher(secret: "secret of the test database", randomness: .system),
            passwords: PasswordHasher(cost: 4, randomness: .system),
            clock: WallClock(
                now: { WallClock.system.now.addingTimeInterval(offset.value) },
                sleep: { try await WallClock.system.sleep(for: $0) }), logger: logger)
        if isFresh {
            try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
            try await database.write { transaction in
                try transaction.run(
                    "INSERT INTO account (id, uuid, name, kind, created_ms) VALUES (1, 'u1', 'owner', 'user', 0)")
                try transaction.run(
                    """
                    INSERT INTO repository (id, uuid, namespace_id, name, visibility, badge_token, created_ms)
                    VALUES (1, 'r1', 1, 'app', 'private', 'b', 0)
                    """)
            }
        }
        let clock = platform.clock
        access = AccessControl(database: database, anonymousAccess: true)
        builds = BuildService(platform, access: access, settings: .init(registryHostname: "registry.test"))
        executor = ScriptedExecutor(setupTime: setupTime)
        attempts = BuildAttemptService(platform, timing: attemptTiming, manager: "test")
        tokens = JobTokens(
            platform, keys: ServiceKeys(platform: platform, service: "buildman"), audience: "manager.test")
        let orchestrator = MemoryOrchestrator(clock: clock)
        supervisor = JobSupervisor(
            attempts: attempts, logs: DatabaseBuildLogStore(database), orchestrator: orchestrator, clock: clock,
            timing: timing, metrics: BuildMetrics(), logger: logger)
        server = try AgentServer(
            BuildManagerService(
                supervisor: supervisor, registration: BuildRegistration(platform, attempts: attempts),
                assembly: BuildPackAssembly(
                    files: UserFileURLs(cipher: platform.cipher, clock: clock), tokens: tokens,
                    settings: .init(isRegistryInsecure: true, allowedPrivateNetworks: []), clock: clock),
                cachedTags: CachedTag(database: database, clock: clock), tokens: tokens, attempts: attempts,
                metrics: BuildMetrics(), clock: clock, logger: logger),
            host: "127.0.0.1", port: 0, certificate: nil, logger: logger)
        let launcher = BuildLauncher(
            attempts: attempts, supervisor: supervisor, tokens: tokens, executors: [executor],
            agentsAreInsecure: true, clock: clock, metrics: BuildMetrics(),
            logger: logger)
        loops = [
            server,
            JobEvents(
                supervisor: supervisor, orchestrator: orchestrator, executors: [executor], clock: clock,
                reapInterval: .seconds(3600), logger: logger),
            CancellationWatch(
                database: database, supervisor: supervisor, clock: clock, pollInterval: .seconds(3600), logger: logger),
            SchedulingLoop(
                database: database, attempts: attempts, launcher: launcher, clock: clock, capacity: 1,
                pollInterval: .seconds(3600), logger: logger),
        ]
    }

    /// Runs the manager while `body` plays its part.
    func run(
        _ body: @escaping @Sendable (BuildmanPb_BuildManager.Client<HTTP2ClientTransport.Posix>) async throws -> Void
    )
        async throws
    {
        try await JobHandover(
            attempts: attempts, supervisor: supervisor, executors: [executor], logger: platform.logger
        ).takeOver()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for loop in loops { group.addTask { try await loop.run() } }
            guard let port = try await server.port else { throw CancellationError() }
            try await withGRPCClient(
                transport: .http2NIOPosix(
                    target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext)
            ) { client in
                try await body(BuildmanPb_BuildManager.Client(wrapping: client))
            }
            group.cancelAll()
        }
    }

    func proof(_ role: RepositoryRole = .admin) async throws -> RepositoryAccess {
        try await access.repository(
            RepositoryName("owner/app"), role,
            for: Caller(identity: .user(id: 1, name: Username("owner")), credential: .password))
    }

    func request(_ tags: [String] = ["latest"]) async throws -> String {
        try await builds.request(
            BuildRequest(
                source: .archive("https://example.com/a.tar.gz"),
                location: DockerfileLocation(dockerfilePath: nil, subdirectory: "sub", context: nil),
                tags: tags.map { try TagName($0) }, pullRobot: nil), in: proof(), ip: nil
        ).build.uuid
    }

    func phase(_ uuid: String) async throws -> String { try await builds.find(uuid, in: proof()).shownPhase.text }

    func log(_ uuid: String) async throws -> [BuildLogEntry] {
        let id = try await builds.find(uuid, in: proof()).build.id
        return try await DatabaseBuildLogStore(database).page(ofBuild: id, from: 0, limit: 1000).entries
    }

    /// The next builder that the executor was asked for.
    func nextLaunch() async throws -> BuilderLaunch {
        for await launch in executor.launches { return launch }
        throw CancellationError()
    }

    /// Lets so much time pass at once, and tells the supervisor that a job's moment has come.
    func pass(_ seconds: Double, for key: JobKey) async throws {
        offset.set(offset.value + seconds)
        try await supervisor.handle(.timerFired, of: key)
    }
}

/// A value that closures of a test hand to each other.
final class Box<Value: Sendable>: Sendable {
    private let content: Mutex<Value>
    init(_ value: Value) { content = Mutex(value) }
    var value: Value { content.withLock { $0 } }
    func set(_ value: Value) { content.withLock { $0 = value } }
}
