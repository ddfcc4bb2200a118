import Foundation
import Logging
import Metrics
import ObjectStorage
import RegistryCore
import Runtime
import SQL
import Secrets
import ServerTLS
import ServiceLifecycle
import Telemetry
import UnixSignals

/// Builds everything once: the platform, the services and the loops.
struct Composition: Sendable {
    /// The schema that RegistryLite makes; both programs name their database by this word.
    private static let migrator = Migrator(product: "buildman", migrations: Schema.migrations)
    /// How often what runs for ended attempts is looked for.
    private static let reapInterval: Duration = .seconds(60)
    /// How often the leases of running builds are looked at, at least.
    private static let sweepInterval: Duration = .seconds(5)

    private let platform: Platform
    private let services: [any Service]
    private let handover: JobHandover?
    private let listen: ListenAddress
    private let logger: Logger

    /// Waits for what RegistryLite makes: the secrets and the schema.
    init(_ settings: Settings, metrics registry: PrometheusRegistry, logger: Logger) async throws {
        self.logger = logger
        listen = settings.listen
        let certificate = try settings.openCertificate()
        for warning in settings.configuration.warnings { logger.warning("configuration: \(warning)") }
        platform = try await Self.platform(settings, logger)
        func metricsServer(_ gauges: FarmGauges?) -> MetricsServer {
            MetricsServer(
                host: settings.metrics.host, port: settings.metrics.port,
                text: {
                    await gauges?.measure()
                    return registry.text()
                }, contentType: PrometheusText.contentType, logger: logger)
        }
        guard let manager = settings.manager else {
            logger.notice(
                "this installation runs no builds: BUILD_MANAGER is external, or FEATURE_BUILD_SUPPORT is off")
            services = [metricsServer(nil), HangUpSignal(certificate: nil, logger: logger)]
            handover = nil
            return
        }
        try settings.agentAuthorities?.write()
        let parts = try await Parts(settings, manager, platform, certificate, logger)
        handover = parts.handover
        let hangUp = HangUpSignal(certificate: certificate, logger: logger) {
            try settings.agentAuthorities?.write()
        }
        // Stopped from the end on: first nothing new is claimed, then builders are given back, then agents are let go.
        services =
            [
                metricsServer(parts.gauges), hangUp, parts.orchestrator, parts.server, parts.events,
                parts.handover, parts.sweep, parts.cancellations, parts.scheduling,
            ] + parts.mirrors
    }

    /// Serves until SIGTERM or SIGINT.
    func serve() async throws {
        if let handover {
            // Two processes of one name would take each other's builds: the one that can't serve takes nothing.
            try await listen.proveFree()
            try await handover.takeOver()
        }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(30)
        try await ServiceGroup(configuration: configuration).run()
        await platform.database.close()
    }

    private static func platform(_ settings: Settings, _ logger: Logger) async throws -> Platform {
        try FileManager.default.createDirectory(
            atPath: settings.configuration.dataDirectory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let secrets = try await InstanceSecrets.wait(for: settings.configuration, clock: .system) { path in
            logger.notice("waiting for RegistryLite to make \(path)")
        }
        let database = try settings.openDatabase(logger: logger)
        try await waitForSchema(of: database, logger)
        // Builders fetch their files from RegistryLite: this program touches no stored object.
        return Platform(
            database: database, objects: MemoryStore(location: "none"),
            cipher: FieldCipher(secret: secrets.databaseSecretKey, randomness: .system),
            passwords: PasswordHasher(randomness: .system), logger: logger)
    }

    /// Waits as long as it takes: RegistryLite may be starting, and so may the database.
    private static func waitForSchema(of database: any Database, _ logger: Logger) async throws {
        var said = ""
        while true {
            var reason = "waiting for RegistryLite to make the database's schema"
            do { if try await migrator.isCurrent(database) { return } } catch let error as DatabaseError
                where error.kind == .unreachable
            {
                reason = "waiting for the database: \(error.message)"
            }
            if reason != said { logger.notice("\(reason)") }
            said = reason
            try await WallClock.system.sleep(for: .milliseconds(200))
        }
    }

    /// What a manager consists of.
    private struct Parts {
        let orchestrator: any Orchestrator
        let server: AgentServer
        let events: JobEvents
        let handover: JobHandover
        let sweep: LeaseSweep
        let cancellations: CancellationWatch
        let scheduling: SchedulingLoop
        let gauges: FarmGauges
        /// None where the configuration names no Redis for build logs.
        let mirrors: [any Service]

        init(
            _ settings: Settings, _ manager: BuildManagerSettings, _ platform: Platform,
            _ certificate: ServerCertificate?, _ logger: Logger
        ) async throws {
            let (clock, database) = (platform.clock, platform.database)
            let configuration = settings.configuration
            let executors = try await ExecutorFactory(
                settings: settings, manager: manager, clock: clock, logger: logger
            ).executors()
            let identity = ManagerIdentity(
                name: "\(ProcessInfo.processInfo.hostName):\(settings.listen.port)",
                identifiers: platform.identifiers)
            let attempts = BuildAttemptService(
                platform, timing: settings.attemptTiming, manager: identity.text)
            let presence = ManagerPresence(platform, manager: identity.text)
            let tokens = JobTokens(
                platform, keys: ServiceKeys(platform: platform, service: "buildman"), audience: "buildman")
            let orchestrator = try Self.orchestrator(manager, identity, clock, logger)
            self.orchestrator = orchestrator
            let metrics = BuildMetrics()
            for warning in ExecutorCoverage(executors.map(\.profile)).warnings {
                logger.warning("configuration: \(warning)")
            }
            let roster = ExecutorRoster(
                executors, policy: settings.healthPolicy, clock: clock, metrics: metrics, logger: logger)
            let cache = try configuration.redis.buildLogs.map { try BuildLogCache($0, logger: logger) }
            let mirror = cache.map { BuildLogMirror(platform, cache: $0) }
            mirrors = mirror.map { [LogMirrorLoop(mirror: $0)] } ?? []
            let logs: any BuildLogStore =
                if let cache { CachedBuildLogStore(database, cache: cache, mirror: mirror) } else {
                    DatabaseBuildLogStore(database)
                }
            let supervisor = JobSupervisor(
                attempts: attempts, logs: logs, orchestrator: orchestrator, clock: clock,
                timing: settings.jobTiming, roster: roster, metrics: metrics, logger: logger)
            let assembly = BuildPackAssembly(
                files: UserFileURLs(cipher: platform.cipher, clock: clock), tokens: tokens,
                settings: .init(
                    isRegistryInsecure: settings.isRegistryInsecure,
                    allowedPrivateNetworks: configuration.security.allowedPrivateNetworks.map { "\($0)" }),
                clock: clock)
            server = try AgentServer(
                BuildManagerService(
                    supervisor: supervisor, registration: BuildRegistration(platform, attempts: attempts),
                    assembly: assembly, cachedTags: CachedTag(database: database, clock: clock), tokens: tokens,
                    attempts: attempts, clock: clock, logger: logger),
                host: settings.listen.host, port: settings.listen.port, certificate: certificate,
                logger: logger)
            events = JobEvents(
                attempts: attempts, supervisor: supervisor, orchestrator: orchestrator, executors: executors,
                clock: clock, reapInterval: Composition.reapInterval, logger: logger)
            handover = JobHandover(
                attempts: attempts, supervisor: supervisor, orchestrator: orchestrator, executors: executors,
                presence: presence, logger: logger)
            sweep = LeaseSweep(
                attempts: attempts, supervisor: supervisor, handover: handover, presence: presence, clock: clock,
                interval: min(Composition.sweepInterval, attempts.timing.silence / 4), logger: logger)
            cancellations = CancellationWatch(
                database: database, attempts: attempts, supervisor: supervisor, clock: clock,
                pollInterval: manager.timing.queuePollPeriod, logger: logger)
            scheduling = SchedulingLoop(
                database: database, attempts: attempts,
                launcher: BuildLauncher(
                    attempts: attempts, supervisor: supervisor, tokens: tokens, roster: roster,
                    startTimeout: manager.timing.startTimeout,
                    agentsAreInsecure: !configuration.builds.agentsDialTLS, clock: clock, metrics: metrics,
                    logger: logger),
                roster: roster,
                capacity: Capacity(
                    allowed: manager.maximumBuilders, executors: executors, clock: clock, metrics: metrics,
                    logger: logger),
                situation: SchedulingSituation(metrics: metrics, logger: logger), clock: clock,
                pollInterval: manager.timing.queuePollPeriod)
            gauges = FarmGauges(
                platform: platform, executors: executors.map(\.name), metrics: metrics,
                queues: QueueGauges(platform: platform, factory: MetricsSystem.factory))
        }

        private static func orchestrator(
            _ manager: BuildManagerSettings, _ identity: ManagerIdentity, _ clock: WallClock, _ logger: Logger
        ) throws -> any Orchestrator {
            switch manager.orchestrator {
            case .memory: return MemoryOrchestrator(clock: clock)
            case .redis(let endpoint, let setsUpEvents):
                return try RedisOrchestrator(
                    RedisOrchestrator.Settings(
                        connection: endpoint.settings, prefix: manager.orchestratorPrefix,
                        setsUpEvents: setsUpEvents, pause: manager.timing.orchestratorRetryDelay),
                    instance: identity.text, clock: clock, logger: logger)
            }
        }
    }
}
