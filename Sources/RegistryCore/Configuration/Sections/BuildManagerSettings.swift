import YAML

/// BUILD_MANAGER: how builds are scheduled and where they run.
package struct BuildManagerSettings: Sendable {
    /// ALLOWED_WORKER_COUNT: builds at once.
    package let maximumBuilders: Int
    /// ORCHESTRATOR_PREFIX: what every key starts with.
    package let orchestratorPrefix: String
    package let orchestrator: OrchestratorSettings
    package let timing: BuildTiming
    /// EXECUTOR_FAILURE_THRESHOLD (own key): after so many failures in a row an executor is passed over for a while.
    package let failureThreshold: Int
    /// In the order in which they are tried; at least one.
    package let executors: [ExecutorSettings]
}

/// Where running builds keep their state.
package enum OrchestratorSettings: Sendable, Hashable {
    /// In this process: one Buildman only.
    case memory
    /// `setsUpEvents`: ask the server for keyspace events (unless REDIS_SKIP_KEYSPACE_EVENT_SETUP).
    case redis(RedisEndpoint, setsUpEvents: Bool)
}

/// The times of the build manager; all can be set beside ALLOWED_WORKER_COUNT. Source: Quay 3.4, build manager constants.
package struct BuildTiming: Sendable, Hashable {
    /// MACHINE_MAX_TIME: total time of one attempt.
    package let maximumBuildTime: Duration
    /// JOB_REGISTRATION_TIMEOUT: life of a job that no executor has taken yet.
    package let creationTimeout: Duration
    /// WORK_CHECK_TIMEOUT: pause between looks at the queue.
    package let queuePollPeriod: Duration
    /// EPHEMERAL_API_TIMEOUT: pause before a retry when executors fail.
    package let executorRetryDelay: Duration
    /// TOO_MANY_WORKERS_SLEEP_DURATION: pause before a retry at full capacity.
    package let capacityRetryDelay: Duration
    /// ORCHESTRATOR_UNAVAILABLE_SLEEP_DURATION.
    package let orchestratorRetryDelay: Duration
    /// INCOMPLETE_RETRY_DELAY (own key): pause before the next attempt of a lost build.
    package let incompleteRetryDelay: Duration
    /// EPHEMERAL_SETUP_TIMEOUT: time to register where an executor has no SETUP_TIME.
    package let setupTimeout: Duration
    /// SETUP_LEEWAY_SECONDS: added to the setup time when the queue item is claimed.
    package let setupLeeway: Duration
    /// JOB_TIMEOUT_SECONDS: how far a heartbeat extends the claim; MINIMUM_JOB_EXTENSION: when that is written.
    package let claimExtension: Duration
    package let minimumClaimExtension: Duration
    /// EXECUTOR_START_TIMEOUT (own key): how long an executor's start call may take.
    package let startTimeout: Duration
    /// EXECUTOR_PAUSE, EXECUTOR_MAXIMUM_PAUSE (own keys): how long a failing executor is passed over, at first and at most.
    package let executorPause: Duration
    package let executorMaximumPause: Duration
    /// HEARTBEAT_PERIOD_SECONDS: asked of agents. HEARTBEAT_DELTA: silence after which a builder is lost.
    package let heartbeatPeriod: Duration
    package let heartbeatTimeout: Duration
}

extension BuildManagerSettings {
    /// One local executor and state in memory: the default without BUILD_MANAGER.
    static let standard = BuildManagerSettings(
        maximumBuilders: 1, orchestratorPrefix: "", orchestrator: .memory, timing: BuildTiming(nil),
        failureThreshold: 2, executors: [.local])

    /// Reads `[ephemeral, {…}]` or the plain mapping; nil: this installation runs no builds.
    static func read(_ reader: SectionReader, files: ConfigurationFiles) -> BuildManagerSettings? {
        guard let node = reader.node("BUILD_MANAGER") else { return .standard }
        if node.mapping != nil { return reader.section(node, "BUILD_MANAGER").flatMap { settings($0, files) } }
        guard let items = node.sequence, items.count == 2, let kind = items[0].scalar?.text else {
            reader.problem("BUILD_MANAGER", "Expected [ephemeral, {…}] or a mapping.")
            return nil
        }
        switch kind {
        case "ephemeral": return reader.section(items[1], "BUILD_MANAGER[1]").flatMap { settings($0, files) }
        case "external": return nil
        default:
            reader.problem(
                "BUILD_MANAGER[0]", "The kind \"\(kind.prefix(60))\" is unknown: use ephemeral, or external for none.",
                line: items[0].mark.line)
            return nil
        }
    }

    private static func settings(_ reader: SectionReader, _ files: ConfigurationFiles) -> BuildManagerSettings? {
        let maximumBuilders = reader.integer("ALLOWED_WORKER_COUNT", default: 1, in: 0...10_000)
        let prefix = reader.text("ORCHESTRATOR_PREFIX", default: "")
        let orchestrator = OrchestratorSettings.read(reader, files)
        let timing = BuildTiming(reader)
        let failureThreshold = reader.integer("EXECUTOR_FAILURE_THRESHOLD", default: 2, in: 1...1000)
        let executors = executors(reader, files)
        reader.finish()
        guard let orchestrator, !executors.isEmpty else { return nil }
        return BuildManagerSettings(
            maximumBuilders: maximumBuilders, orchestratorPrefix: prefix, orchestrator: orchestrator, timing: timing,
            failureThreshold: failureThreshold, executors: executors)
    }

    /// Numbers those that have the name of their kind; an attempt remembers its executor by name.
    private static func tellingApart(_ executors: [(ExecutorSettings, SectionReader)]) -> [ExecutorSettings] {
        var names: Set<String> = []
        return executors.map { executor, section in
            var executor = executor
            if names.contains(executor.name), section.mapping["NAME"] != nil {
                section.problem("NAME", "Another executor is called \"\(executor.name.prefix(60))\" already.")
            }
            let base = executor.name
            var number = 2
            while !names.insert(executor.name).inserted {
                executor.name = "\(base)-\(number)"
                number += 1
            }
            return executor
        }
    }

    private static func executors(_ reader: SectionReader, _ files: ConfigurationFiles) -> [ExecutorSettings] {
        let list = reader.node("EXECUTORS")
        let single = reader.nonEmptyText("EXECUTOR")
        let singleConfiguration = reader.section("EXECUTOR_CONFIG")
        if let list {
            if single != nil {
                reader.problem("EXECUTOR", "Use EXECUTORS, or EXECUTOR with EXECUTOR_CONFIG, not both.")
            }
            guard let items = list.sequence, !items.isEmpty else {
                reader.problem("EXECUTORS", "Expected a list with at least one executor.")
                return []
            }
            return tellingApart(
                items.enumerated().compactMap { index, item in
                    reader.section(item, reader.place(of: "EXECUTORS[\(index)]")).flatMap { section in
                        ExecutorSettings.read(section, kind: nil, files).map { ($0, section) }
                    }
                })
        }
        guard let single else {
            reader.missing("EXECUTORS", "the list of what starts builders")
            return []
        }
        let empty = SectionReader(
            YAMLMapping(), path: reader.place(of: "EXECUTOR_CONFIG"), severity: reader.severity,
            collector: reader.collector)
        return ExecutorSettings.read(singleConfiguration ?? empty, kind: single, files).map { [$0] } ?? []
    }
}

extension OrchestratorSettings {
    /// The first key's prefix decides: `REDIS_` or `MEM_`. Nil where it can't be read. Source: Quay 3.4, orchestrator.
    static func read(_ parent: SectionReader, _ files: ConfigurationFiles) -> OrchestratorSettings? {
        guard let node = parent.node("ORCHESTRATOR") else {
            parent.missing("ORCHESTRATOR", "REDIS_HOST and its like, or MEM_CONFIG: {}")
            return nil
        }
        guard let reader = parent.section(node, parent.place(of: "ORCHESTRATOR")) else { return nil }
        let keys = reader.mapping.entries.map(\.key)
        for key in keys where key.hasSuffix("_PREFIX") {
            _ = reader.node(key)
            reader.problem(key, "A prefix belongs to ORCHESTRATOR_PREFIX beside ORCHESTRATOR.")
        }
        if keys.first?.hasPrefix("MEM_") == true {
            reader.finish(prefixes: ["MEM_"])
            return .memory
        }
        guard keys.first?.hasPrefix("REDIS_") == true else {
            parent.problem("ORCHESTRATOR", "Expected keys that start with REDIS_ or MEM_.")
            return nil
        }
        let endpoint = RedisEndpoint(
            host: reader.text("REDIS_HOST", default: "127.0.0.1"),
            port: reader.integer("REDIS_PORT", default: 6379, in: 1...65_535),
            password: reader.nonEmptyText("REDIS_PASSWORD"),
            database: reader.integer("REDIS_DB", default: 0, in: 0...1_000_000),
            usesTLS: reader.bool("REDIS_SSL", default: false), authorityFile: files.path("REDIS_CA_CERT", reader),
            clientCertificate: clientCertificate(reader, files))
        let skips = reader.bool("REDIS_SKIP_KEYSPACE_EVENT_SETUP", default: false)
        reader.finish()
        return .redis(endpoint, setsUpEvents: !skips)
    }

    private static func clientCertificate(
        _ reader: SectionReader, _ files: ConfigurationFiles
    ) -> ServerSection.CertificateFiles? {
        let pair = reader.texts("REDIS_CERT_AND_KEY")
        guard !pair.isEmpty else { return nil }
        guard pair.count == 2 else {
            reader.problem("REDIS_CERT_AND_KEY", "Expected a list of two files: the certificate and its key.")
            return nil
        }
        let found = files.paths("REDIS_CERT_AND_KEY", reader)
        guard found.count == 2 else { return nil }
        return ServerSection.CertificateFiles(certificate: found[0], key: found[1])
    }
}

extension BuildTiming {
    /// The defaults where `reader` is nil.
    init(_ reader: SectionReader?) {
        func seconds(_ key: String, _ standard: Double) -> Duration {
            reader?.seconds(key, default: standard, atLeast: 0.01) ?? .milliseconds(Int64(standard * 1000))
        }
        maximumBuildTime = seconds("MACHINE_MAX_TIME", 7200)
        creationTimeout = seconds("JOB_REGISTRATION_TIMEOUT", 30)
        queuePollPeriod = seconds("WORK_CHECK_TIMEOUT", 10)
        executorRetryDelay = seconds("EPHEMERAL_API_TIMEOUT", 20)
        capacityRetryDelay = seconds("TOO_MANY_WORKERS_SLEEP_DURATION", 10)
        orchestratorRetryDelay = seconds("ORCHESTRATOR_UNAVAILABLE_SLEEP_DURATION", 5)
        incompleteRetryDelay = seconds("INCOMPLETE_RETRY_DELAY", 30)
        setupTimeout = seconds("EPHEMERAL_SETUP_TIMEOUT", 500)
        setupLeeway = seconds("SETUP_LEEWAY_SECONDS", 30)
        startTimeout = seconds("EXECUTOR_START_TIMEOUT", 60)
        executorPause = seconds("EXECUTOR_PAUSE", 5)
        executorMaximumPause = seconds("EXECUTOR_MAXIMUM_PAUSE", 60)
        claimExtension = seconds("JOB_TIMEOUT_SECONDS", 300)
        minimumClaimExtension = seconds("MINIMUM_JOB_EXTENSION", 60)
        heartbeatPeriod = seconds("HEARTBEAT_PERIOD_SECONDS", 30)
        heartbeatTimeout = seconds("HEARTBEAT_DELTA", 60)
        if let reader, heartbeatTimeout <= heartbeatPeriod {
            reader.problem(
                "HEARTBEAT_DELTA", "Must be longer than HEARTBEAT_PERIOD_SECONDS, or every builder counts as lost.")
        }
    }
}
