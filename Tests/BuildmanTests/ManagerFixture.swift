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

/// In tests a list of the live attempts says it all.
extension LiveAttempts: ExpressibleByArrayLiteral {
    init(arrayLiteral keys: JobKey...) {
        let keys = Set(keys)
        self.init { $0.intersection(keys) }
    }
}

/// Where scripted builders run: one place that the executors of several managers may share.
actor ScriptedPlace {
    private(set) var running: Set<JobKey> = []
    private(set) var stopped: [JobKey] = []

    func start(_ key: JobKey) { running.insert(key) }
    func stop(_ key: JobKey) {
        if running.remove(key) != nil { stopped.append(key) }
    }
}

/// An executor that starts nothing: tests play the builders.
actor ScriptedExecutor: Executor {
    nonisolated let profile: ExecutorProfile
    nonisolated let ends: AsyncStream<BuilderEnd>
    nonisolated let launches: AsyncStream<BuilderLaunch>
    nonisolated let place: ScriptedPlace
    private let ended: AsyncStream<BuilderEnd>.Continuation
    private let launched: AsyncStream<BuilderLaunch>.Continuation
    private var failure: ExecutorFailure?
    private var hang: Gate?
    private var kept = 0
    /// Every start call, also those that failed.
    private(set) var calls: [JobKey] = []
    /// As this executor was asked to; a builder may be stopped by several.
    private(set) var stopped: [JobKey] = []
    private(set) var reaped: [Set<JobKey>] = []

    init(
        _ name: String = "scripted", rule: ExecutorSelection.Rule = .init(), setupTime: Duration = .seconds(500),
        stopsWithManager: Bool = true, place: ScriptedPlace = ScriptedPlace()
    ) {
        profile = ExecutorProfile(
            name: name, rule: rule, setupTime: setupTime, server: "127.0.0.1:1", stopsWithManager: stopsWithManager)
        self.place = place
        (ends, ended) = AsyncStream.makeStream(of: BuilderEnd.self)
        (launches, launched) = AsyncStream.makeStream(of: BuilderLaunch.self)
    }

    func fail(with failure: ExecutorFailure?) { self.failure = failure }
    /// Start calls don't come back until the gate opens, whoever cancels them.
    func hang(until gate: Gate?) { hang = gate }
    func keep(_ count: Int) { kept = count }
    func end(_ key: JobKey, _ how: String) { ended.yield(BuilderEnd(key: key, how: how)) }

    func start(_ launch: BuilderLaunch) async throws -> String {
        calls.append(launch.key)
        if let failure { throw failure }
        await place.start(launch.key)
        launched.yield(launch)
        if let hang { await hang.untilOpen() }
        return "execution of \(launch.key)"
    }

    func stop(_ key: JobKey) async {
        stopped.append(key)
        await place.stop(key)
    }

    func reap(keeping live: LiveAttempts) async {
        let found = await place.running
        guard let live = await live.among(found) else { return }
        reaped.append(live)
        for key in found.subtracting(live) { await stop(key) }
    }

    func keptBuilders() -> Int { kept }
}

/// A build manager in this process on a free port, with a repository `owner/app` and builders that tests play.
///
/// Several of them may work on one database: give the next one the first one's `database`, `place` and `offset`.
final class ManagerFixture: Sendable {
    /// What differs from the usual.
    struct Options: Sendable {
        /// The text of the manager's identity.
        var identity = "test"
        var timing = JobStateMachine.Timing()
        var attemptTiming = BuildAttemptService.Timing()
        var setupTime: Duration = .seconds(500)
        var stopsWithManager = true
        var capacity = 1
        var startTimeout: Duration = .seconds(60)
        var health = ExecutorHealth.Policy()
        var pollInterval: Duration = .seconds(3600)
        var metrics = BuildMetrics()
        /// Whether it takes builds from the queue.
        var schedules = true
        var orchestrator: @Sendable (_ identity: String, WallClock) throws -> any Orchestrator = { _, clock in
            MemoryOrchestrator(clock: clock)
        }
    }

    let database: TestDatabase
    let platform: Platform
    let builds: BuildService
    let access: AccessControl
    /// The first of the executors.
    let executor: ScriptedExecutor
    let roster: ExecutorRoster
    let supervisor: JobSupervisor
    let attempts: BuildAttemptService
    let tokens: JobTokens
    let presence: ManagerPresence
    let handover: JobHandover
    let sweep: LeaseSweep
    /// What the manager logged.
    let log = CapturedLog()
    let server: AgentServer
    /// How far this manager's clock is ahead, in seconds.
    let offset: Box<Double>
    private let loops: [any Service]

    convenience init(
        database: TestDatabase? = nil, timing: JobStateMachine.Timing = .init(),
        attemptTiming: BuildAttemptService.Timing = .init(), setupTime: Duration = .seconds(500),
        place: ScriptedPlace = ScriptedPlace(), executors: [ScriptedExecutor]? = nil, capacity: Int = 1,
        startTimeout: Duration = .seconds(60), health: ExecutorHealth.Policy = .init(),
        pollInterval: Duration = .seconds(3600), listening: (any Database)? = nil,
        metrics: BuildMetrics = BuildMetrics()
    ) async throws {
        var options = Options()
        options.timing = timing
        options.attemptTiming = attemptTiming
        options.setupTime = setupTime
        options.capacity = capacity
        options.startTimeout = startTimeout
        options.health = health
        options.pollInterval = pollInterval
        options.metrics = metrics
        try await self.init(options, database: database, place: place, executors: executors, listening: listening)
    }

    /// - Parameter listening: the database that the scheduling loop hears of queued builds from.
    init(
        _ options: Options, database: TestDatabase? = nil, place: ScriptedPlace = ScriptedPlace(),
        offset: Box<Double> = Box(0), executors: [ScriptedExecutor]? = nil, listening: (any Database)? = nil
    ) async throws {
        if let database { self.database = database } else { self.database = try await Self.database() }
        let database = self.database
        self.offset = offset
        let logger = log.logger
        platform = Platform(
            database: database, objects: MemoryStore(),
            cipher: FieldCipher(secret: "secret of the test database", randomness: .system),
            passwords: PasswordHasher(cost: 4, randomness: .system),
            clock: WallClock(
                now: { WallClock.system.now.addingTimeInterval(offset.value) },
                sleep: { try await WallClock.system.sleep(for: $0) }), logger: logger)
        let clock = platform.clock
        access = AccessControl(database: database, anonymousAccess: true)
        builds = BuildService(platform, access: access, settings: .init(registryHostname: "registry.test"))
        let metrics = options.metrics
        let executors =
            executors
            ?? [
                ScriptedExecutor(
                    setupTime: options.setupTime, stopsWithManager: options.stopsWithManager, place: place)
            ]
        executor = executors[0]
        roster = ExecutorRoster(executors, policy: options.health, clock: clock, metrics: metrics, logger: logger)
        attempts = BuildAttemptService(platform, timing: options.attemptTiming, manager: options.identity)
        presence = ManagerPresence(platform, manager: options.identity)
        tokens = JobTokens(
            platform, keys: ServiceKeys(platform: platform, service: "buildman"), audience: "manager.test")
        let orchestrator = try options.orchestrator(options.identity, clock)
        supervisor = JobSupervisor(
            attempts: attempts, logs: DatabaseBuildLogStore(database), orchestrator: orchestrator, clock: clock,
            timing: options.timing, roster: roster, metrics: metrics, logger: logger)
        server = try AgentServer(
            BuildManagerService(
                supervisor: supervisor, registration: BuildRegistration(platform, attempts: attempts),
                assembly: BuildPackAssembly(
                    files: UserFileURLs(cipher: platform.cipher, clock: clock), tokens: tokens,
                    settings: .init(isRegistryInsecure: true, allowedPrivateNetworks: []), clock: clock),
                cachedTags: CachedTag(database: database, clock: clock), tokens: tokens, attempts: attempts,
                clock: clock, logger: logger),
            host: "127.0.0.1", port: 0, certificate: nil, logger: logger)
        handover = JobHandover(
            attempts: attempts, supervisor: supervisor, orchestrator: orchestrator, executors: executors,
            presence: presence, logger: logger)
        sweep = LeaseSweep(
            attempts: attempts, supervisor: supervisor, handover: handover, presence: presence, clock: clock,
            interval: .seconds(3600), logger: logger)
        let launcher = BuildLauncher(
            attempts: attempts, supervisor: supervisor, tokens: tokens, roster: roster,
            startTimeout: options.startTimeout, agentsAreInsecure: true, clock: clock, metrics: metrics, logger: logger)
        let scheduling = SchedulingLoop(
            database: listening ?? database, attempts: attempts, launcher: launcher, roster: roster,
            capacity: Capacity(
                allowed: options.capacity, executors: executors, clock: clock, metrics: metrics, logger: logger),
            situation: SchedulingSituation(metrics: metrics, logger: logger), clock: clock,
            pollInterval: options.pollInterval)
        loops =
            [
                server, orchestrator,
                JobEvents(
                    attempts: attempts, supervisor: supervisor, orchestrator: orchestrator, executors: executors,
                    clock: clock, reapInterval: .seconds(3600), logger: logger),
                CancellationWatch(
                    database: database, attempts: attempts, supervisor: supervisor, clock: clock,
                    pollInterval: .seconds(3600), logger: logger),
            ] + (options.schedules ? [scheduling] : [])
    }

    /// A database with the schema, the accounts `owner` and `other`, and the repository `owner/app`.
    static func database(_ engine: TestDatabase.Engine = .sqlite) async throws -> TestDatabase {
        let database = try await engine.make()
        try await prepare(database)
        return database
    }

    /// Gives an empty database the schema, and the repository `owner/app`.
    static func prepare(_ database: TestDatabase) async throws {
        try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
        try await database.write { transaction in
            try transaction.run(
                "INSERT INTO account (id, uuid, name, kind, created_ms) VALUES (1, 'u1', 'owner', 'user', 0)")
            try transaction.run(
                "INSERT INTO account (id, uuid, name, kind, created_ms) VALUES (2, 'u2', 'other', 'user', 0)")
            try transaction.run(
                """
                INSERT INTO repository (id, uuid, namespace_id, name, visibility, badge_token, created_ms)
                VALUES (1, 'r1', 1, 'app', 'private', 'b', 0)
                """)
        }
    }

    /// Another repository, of `owner` or of `other`.
    func addRepository(_ name: String) async throws {
        let name = try RepositoryName(name)
        let owner = name.namespace.text == "owner" ? 1 : 2
        try await database.write { transaction in
            let id = try transaction.number("SELECT MAX(id) + 1 FROM repository")
            try transaction.run(
                """
                INSERT INTO repository (id, uuid, namespace_id, name, visibility, badge_token, created_ms)
                VALUES (\(id), \(name.text), \(owner), \(name.name), 'private', 'b', 0)
                """)
        }
    }

    /// Runs the manager while `body` plays its part; then it dies, and gives nothing back.
    func run(
        _ body: @escaping @Sendable (BuildmanPb_BuildManager.Client<HTTP2ClientTransport.Posix>) async throws -> Void
    )
        async throws
    {
        try await handover.takeOver()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for loop in loops { group.addTask { try await loop.run() } }
            guard let port = try await server.port else { throw CancellationError() }
            try await withGRPCClient(
                transport: .http2NIOPosix(
                    target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext)
            ) { client in
                let agent = BuildmanPb_BuildManager.Client(wrapping: client)
                // A client must have been used before it ends.
                _ = try await agent.ping(BuildmanPb_PingRequest())
                try await body(agent)
            }
            group.cancelAll()
        }
    }

    /// One look at the leases, by a manager that has seen the database for long enough.
    func look() async throws {
        var sight = SteadySight(longestGap: .seconds(100_000))
        sight.looked(at: platform.clock.now.addingTimeInterval(-90_000))
        try await sweep.look(&sight)
    }

    func proof(
        _ role: RepositoryRole = .admin, in repository: String = "owner/app"
    ) async throws -> RepositoryAccess {
        let name = try RepositoryName(repository)
        let id: Int64 = name.namespace.text == "owner" ? 1 : 2
        return try await access.repository(
            name, role, for: Caller(identity: .user(id: id, name: name.namespace), credential: .password))
    }

    func request(_ tags: [String] = ["latest"], in repository: String = "owner/app") async throws -> String {
        try await builds.request(
            BuildRequest(
                source: .archive("https://example.com/a.tar.gz"),
                location: DockerfileLocation(dockerfilePath: nil, subdirectory: "sub", context: nil),
                tags: tags.map { try TagName($0) }, pullRobot: nil), in: proof(in: repository), ip: nil
        ).build.uuid
    }

    func phase(_ uuid: String) async throws -> String { try await builds.find(uuid, in: proof()).shownPhase.text }

    func log(_ uuid: String) async throws -> [BuildLogEntry] {
        let build = try await builds.find(uuid, in: proof()).build
        return try await DatabaseBuildLogStore(database).page(of: .init(build), from: 0, limit: 1000)?.entries ?? []
    }

    /// The next builder that the executor was asked for; the first executor where none is named.
    func nextLaunch(on other: ScriptedExecutor? = nil) async throws -> BuilderLaunch {
        for await launch in (other ?? executor).launches { return launch }
        throw CancellationError()
    }

    /// Lets so much time pass at once, and tells the supervisor that a job's moment has come.
    func pass(_ seconds: Double, for key: JobKey) async throws {
        pass(seconds)
        try await supervisor.momentCame(key)
    }

    func pass(_ seconds: Double) { offset.set(offset.value + seconds) }

    /// Waits until `condition` holds.
    func eventually(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await WallClock.system.sleep(for: .milliseconds(5)) }
    }
}

/// Lets everybody wait until it opens, once and for all.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func open() {
        isOpen = true
        for continuation in waiting { continuation.resume() }
        waiting = []
    }

    func untilOpen() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }
}

/// A value that closures of a test hand to each other.
final class Box<Value: Sendable>: Sendable {
    private let content: Mutex<Value>
    init(_ value: Value) { content = Mutex(value) }
    var value: Value { content.withLock { $0 } }
    func set(_ value: Value) { content.withLock { $0 = value } }
    func change(_ body: (inout Value) -> Void) { content.withLock { body(&$0) } }
}
