import Foundation
import GRPCNIOTransportHTTP2Posix
import Logging
import ObjectStorage
import RegistryCore
import Runtime
import SQL
import Secrets
import ServiceLifecycle
import UnixSignals

/// Builds everything once: the platform, the services and the loops.
struct Composition: Sendable {
    /// The schema that RegistryLite makes; both programs name their database by this word.
    static let migrator = Migrator(product: "buildman", migrations: Schema.migrations)

    private let settings: Settings
    private let platform: Platform
    private let services: [any Service]
    private let handover: JobHandover
    private let logger: Logger

    /// Waits for what RegistryLite makes: the secrets and the schema.
    init(_ settings: Settings, logger: Logger) async throws {
        self.settings = settings
        self.logger = logger
        try FileManager.default.createDirectory(
            atPath: settings.dataDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let secrets = try await StoredSecrets.wait(
            dataDirectory: settings.dataDirectory, clock: .system, logger: logger)
        let database = try await Self.database(settings, logger)
        platform = Platform(
            database: database, objects: MemoryStore(location: "none"),
            cipher: FieldCipher(secret: secrets.databaseSecretKey, randomness: .system),
            passwords: PasswordHasher(randomness: .system), logger: logger)
        let clock = platform.clock
        let locals = settings.executors.map { LocalExecutor($0, clock: clock, logger: logger) }
        for executor in locals {
            for problem in await executor.problems() { logger.error("\(executor.name): \(problem)") }
        }
        let executors: [any Executor] = locals
        let attempts = BuildAttemptService(
            platform, timing: settings.attempts, manager: "\(ProcessInfo.processInfo.hostName):\(settings.listen.port)")
        let tokens = JobTokens(
            platform, keys: ServiceKeys(platform: platform, service: "buildman"), audience: settings.hostname)
        let orchestrator = MemoryOrchestrator(clock: clock)
        let metrics = BuildMetrics()
        let supervisor = JobSupervisor(
            attempts: attempts, logs: DatabaseBuildLogStore(database), orchestrator: orchestrator, clock: clock,
            timing: settings.jobs, metrics: metrics, logger: logger)
        let launcher = BuildLauncher(
            attempts: attempts, supervisor: supervisor, tokens: tokens, executors: executors,
            addresses: .init(server: settings.hostname, isInsecure: true), clock: clock, metrics: metrics,
            logger: logger)
        let service = BuildManagerService(
            supervisor: supervisor, registration: BuildRegistration(platform, attempts: attempts),
            assembly: BuildPackAssembly(
                files: UserFileURLs(cipher: platform.cipher, clock: clock),
                tokens: tokens,
                settings: .init(isRegistryInsecure: settings.isRegistryInsecure, allowedPrivateNetworks: []),
                clock: clock),
            cachedTags: CachedTag(database: database, clock: clock), tokens: tokens, attempts: attempts,
            metrics: metrics, clock: clock, logger: logger)
        handover = JobHandover(attempts: attempts, supervisor: supervisor, executors: executors, logger: logger)
        // Stopped from the end on: first nothing new is claimed, then builders are given back, then agents are let go.
        services = [
            AgentServer(
                service, host: settings.listen.host, port: settings.listen.port, security: .plaintext, logger: logger),
            JobEvents(
                supervisor: supervisor, orchestrator: orchestrator, executors: executors, clock: clock,
                reapInterval: .seconds(60), logger: logger),
            handover,
            CancellationWatch(
                database: database, supervisor: supervisor, clock: clock, pollInterval: settings.pollInterval,
                logger: logger),
            SchedulingLoop(
                database: database, attempts: attempts, launcher: launcher, clock: clock, capacity: settings.capacity,
                pollInterval: settings.pollInterval, logger: logger),
        ]
    }

    /// Serves until SIGTERM or SIGINT.
    func serve() async throws {
        try await handover.takeOver()
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(30)
        try await ServiceGroup(configuration: configuration).run()
        await platform.database.close()
    }

    private static func database(_ settings: Settings, _ logger: Logger) async throws -> any Database {
        let database = try settings.openDatabase(logger: logger)
        var hasSaidSo = false
        while !(try await migrator.isCurrent(database)) {
            if !hasSaidSo { logger.notice("waiting for RegistryLite to make the database's schema") }
            hasSaidSo = true
            try await WallClock.system.sleep(for: .milliseconds(200))
        }
        return database
    }
}
