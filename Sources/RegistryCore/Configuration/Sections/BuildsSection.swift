import YAML

/// Builds: what RegistryLite must know of them, and the build manager.
package struct BuildsSection: Sendable {
    /// BUILD_MANAGER; nil: no builds are run (the kind `external`).
    package let manager: BuildManagerSettings?
    /// BUILDMAN_HOSTNAME of the environment or the top level, given to agents verbatim; an executor may have its own.
    /// Nil: the host of SERVER_HOSTNAME with Buildman's port.
    package let buildmanHostname: String?
    /// BUILDMAN_TLS: whether agents dial TLS; follows the scheme by default.
    package let agentsDialTLS: Bool
    /// BUILD_CACHE.
    package let reusesLayers: Bool
    /// LOCAL_EXECUTOR_TRUSTED: allows the local executor beyond loopback.
    package let isLocalExecutorTrusted: Bool
    /// DEFAULT_NAMESPACE_MAXIMUM_BUILD_COUNT; nil: new namespaces have no limit.
    package let defaultMaximumQueuedBuilds: Int?
    /// SUCCESSIVE_TRIGGER_…_DISABLE_THRESHOLD; nil: triggers are never disabled for this reason.
    package let failureDisableThreshold: Int?
    package let internalErrorDisableThreshold: Int?
    /// DOCKERFILE_BUILD_QUEUE_NAME.
    package let queueName: String
}

extension BuildsSection {
    /// `manager` reads BUILD_MANAGER with the severity that it has for this program.
    init(
        _ reader: SectionReader, manager managerReader: SectionReader, files: ConfigurationFiles, server: ServerSection,
        environment: [String: String]
    ) {
        agentsDialTLS = reader.bool("BUILDMAN_TLS", default: server.scheme == .https)
        reusesLayers = reader.bool("BUILD_CACHE", default: true)
        isLocalExecutorTrusted = reader.bool("LOCAL_EXECUTOR_TRUSTED", default: false)
        defaultMaximumQueuedBuilds = reader.integer("DEFAULT_NAMESPACE_MAXIMUM_BUILD_COUNT", in: 0...Int.max)
        failureDisableThreshold = Self.threshold("SUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD", 100, reader)
        internalErrorDisableThreshold = Self.threshold("SUCCESSIVE_TRIGGER_INTERNAL_ERROR_DISABLE_THRESHOLD", 5, reader)
        queueName = reader.text("DOCKERFILE_BUILD_QUEUE_NAME", default: "dockerfilebuild")
        let written = Self.hostname(managerReader)
        if let named = environment["BUILDMAN_HOSTNAME"], !named.isEmpty {
            if HostAndPort(named) == nil {
                managerReader.collector.add(
                    managerReader.severity, "BUILDMAN_HOSTNAME", line: nil,
                    "The environment variable must be host or host:port.")
            }
            buildmanHostname = named
        } else {
            buildmanHostname = written
        }
        manager = BuildManagerSettings.read(managerReader, files: files)
    }

    /// An explicit null means "never", a missing key the default.
    private static func threshold(_ key: String, _ standard: Int, _ reader: SectionReader) -> Int? {
        let isNull = reader.mapping[key]?.isNull ?? false
        let value = reader.integer(key, in: 1...Int.max)
        return isNull ? nil : value ?? standard
    }

    static func hostname(_ reader: SectionReader) -> String? {
        guard let written = reader.nonEmptyText("BUILDMAN_HOSTNAME") else { return nil }
        if HostAndPort(written) != nil { return written }
        reader.problem(
            "BUILDMAN_HOSTNAME", "Expected host or host:port without a scheme, got \"\(written.prefix(100))\".")
        return nil
    }
}
