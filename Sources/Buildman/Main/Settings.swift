import Foundation
import Logging
import PostgresDriver
import RegistryCore
import SQL
import SQLiteDriver
import ServerTLS

/// What the program starts with: the configuration, and what the command line says beside it.
struct Settings: Sendable {
    let configuration: Configuration
    let listen: ListenAddress
    let metrics: ListenAddress
    /// The build manager of the configuration; nil: this installation runs no builds here.
    let manager: BuildManagerSettings?
    /// BUILDMAN_HOSTNAME of the environment, which wins over every key.
    private let environmentHostname: String?

    /// Errors: ``Failure`` for bad usage and for what this program can't do; `ConfigurationProblems`.
    init(_ options: ServeCommand, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        listen = try ListenAddress(options.listen ?? "127.0.0.1:50051", option: "--listen")
        environmentHostname = environment["BUILDMAN_HOSTNAME"].flatMap { $0.isEmpty ? nil : $0 }
        metrics = try ListenAddress(options.metrics ?? "127.0.0.1:9092", option: "--metrics")
        configuration = try ConfigurationLoader(
            audience: .buildman, option: options.config,
            dataDirectory: URL(fileURLWithPath: options.dataDir ?? "data").standardizedFileURL.path,
            environment: environment
        ).load()
        manager = configuration.features.buildSupport ? configuration.builds.manager : nil
        if let manager { try refuseWhatIsNotThere(manager) }
    }

    /// What builders dial: BUILDMAN_HOSTNAME, else the site's host with this program's port.
    func hostname(of executor: ExecutorSettings) -> String {
        if let named = environmentHostname ?? executor.buildmanHostname ?? configuration.builds.buildmanHostname {
            return named
        }
        return "\(configuration.server.host):\(listen.port)"
    }

    /// Builders reach the registry without TLS.
    var isRegistryInsecure: Bool { configuration.server.scheme == .http }

    var attemptTiming: BuildAttemptService.Timing {
        var timing = BuildAttemptService.Timing()
        guard let manager else { return timing }
        let setup = manager.executors.map { $0.setupTime ?? manager.timing.setupTimeout }.max()
        timing.reservation = (setup ?? manager.timing.setupTimeout) + manager.timing.setupLeeway
        timing.perHeartbeat = manager.timing.claimExtension
        timing.maximum = manager.timing.maximumBuildTime
        timing.retryDelay = manager.timing.incompleteRetryDelay
        timing.startDelay = manager.timing.executorRetryDelay
        timing.silence = manager.timing.heartbeatTimeout
        timing.leaseMargin = jobTiming.renewal + timing.clockTolerance
        return timing
    }

    var healthPolicy: ExecutorHealth.Policy {
        guard let manager else { return ExecutorHealth.Policy() }
        return ExecutorHealth.Policy(
            failureThreshold: manager.failureThreshold, pause: manager.timing.executorPause,
            maximumPause: max(manager.timing.executorPause, manager.timing.executorMaximumPause))
    }

    var jobTiming: JobStateMachine.Timing {
        var timing = JobStateMachine.Timing()
        guard let manager else { return timing }
        timing.silence = manager.timing.heartbeatTimeout
        timing.renewal = min(timing.renewal, manager.timing.claimExtension / 4, timing.silence / 4)
        return timing
    }

    /// What this program serves TLS with; nil where agents reach it in plain text. Errors: ``Failure`` that names the file.
    func openCertificate() throws -> ServerCertificate? {
        guard configuration.server.servesTLS, let files = configuration.server.certificate else { return nil }
        do {
            return try ServerCertificate(
                CertificateFiles(certificate: files.certificate, key: files.key), applicationProtocols: ["h2"])
        } catch { throw Failure(error.description, .configuration) }
    }

    /// Whom builders of this machine believe, where the machine's own authorities are not enough.
    var agentAuthorities: AgentAuthorities? {
        AgentAuthorities(
            configuration.server, agentsDialTLS: configuration.builds.agentsDialTLS,
            folder: BuilderRooms.defaultBase(dataDirectory: configuration.dataDirectory))
    }

    /// The logger of the whole program, at the level of LOGGING_LEVEL.
    var logger: Logger {
        var logger = Logger(label: "Buildman")
        logger.logLevel = logLevel
        return logger
    }

    var logLevel: Logger.Level { Logger.Level(rawValue: configuration.server.logLevel) ?? .info }

    func openDatabase(logger: Logger) throws -> any Database {
        switch configuration.database.uri {
        case .sqlite(let path): return try SQLiteDatabase(path: path, logger: logger)
        case .postgresql(let url):
            return try PostgresDatabase(url: url, poolSize: configuration.database.poolSize, logger: logger)
        }
    }

    private func refuseWhatIsNotThere(_ manager: BuildManagerSettings) throws {
        let runsBuildsHere = manager.executors.contains { if case .local = $0.kind { true } else { false } }
        guard !runsBuildsHere || listen.isLoopback || configuration.builds.isLocalExecutorTrusted else {
            throw Failure(
                "The local executor runs builds on this machine, so Buildman does not serve beyond loopback: listen on "
                    + "127.0.0.1, or set LOCAL_EXECUTOR_TRUSTED: true if you trust everybody who may build.",
                .configuration)
        }
    }
}
