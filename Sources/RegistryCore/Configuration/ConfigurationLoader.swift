import Foundation
import YAML

/// Finds and reads the configuration.
///
/// `--config` wins over the environment variable REGISTRY_CONFIG, that over `./config.yaml` if it exists, that over the
/// built-in defaults. A folder is a bundle with `config.yaml` in it.
package struct ConfigurationLoader: Sendable {
    private let audience: Audience
    private let option: String?
    private let dataDirectory: String
    private let listenAddress: String
    private let environment: [String: String]
    private let workingDirectory: String

    /// `option` is the value of `--config`, `dataDirectory` that of `--data-dir`, `listenAddress` the `HOST:PORT` that
    /// RegistryLite is reached at where the configuration has no SERVER_HOSTNAME.
    package init(
        audience: Audience, option: String? = nil, dataDirectory: String = "data",
        listenAddress: String = "127.0.0.1:8080",
        environment: [String: String], workingDirectory: String = FileManager.default.currentDirectoryPath
    ) {
        self.audience = audience
        self.option = option
        self.dataDirectory = dataDirectory
        self.listenAddress = listenAddress
        self.environment = environment
        self.workingDirectory = workingDirectory
    }

    /// The configuration, or all of its problems as ``ConfigurationProblems``.
    package func load() throws(ConfigurationProblems) -> Configuration {
        guard let named = option ?? environment["REGISTRY_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 }) else {
            guard FileManager.default.fileExists(atPath: absolute("config.yaml")) else {
                return try configuration(YAMLMapping(), file: nil, folder: nil)
            }
            return try read("config.yaml", named: "config.yaml")
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: absolute(named), isDirectory: &isFolder) else {
            throw failure(named, line: nil, "There is no such file or folder.")
        }
        return try read(isFolder.boolValue ? named + "/config.yaml" : named, named: named)
    }

    private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : workingDirectory + "/" + path }

    private func read(_ path: String, named: String) throws(ConfigurationProblems) -> Configuration {
        let bytes: [UInt8]
        do { bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: absolute(path)))) } catch {
            throw failure(named, line: nil, "The file \(path) can't be read: \(error.localizedDescription)")
        }
        let root: YAMLNode
        do { root = try YAMLParser.parse(bytes) } catch {
            throw failure(path, line: error.mark.line, "Not YAML: column \(error.mark.column): \(error.problem).")
        }
        let folder = (absolute(path) as NSString).deletingLastPathComponent
        if root.isNull { return try configuration(YAMLMapping(), file: path, folder: folder) }
        guard let mapping = root.mapping else {
            throw failure(path, line: root.mark.line, "Expected keys and values, got \(root.kindName).")
        }
        return try configuration(mapping, file: path, folder: folder)
    }

    private func failure(_ file: String, line: Int?, _ message: String) -> ConfigurationProblems {
        ConfigurationProblems(
            file: file, problems: [ConfigurationProblem(severity: .error, path: "", line: line, message: message)])
    }

    private func configuration(
        _ mapping: YAMLMapping, file: String?, folder: String?
    ) throws(ConfigurationProblems) -> Configuration {
        let collector = ProblemCollector()
        let reader = SectionReader(mapping, collector: collector)
        // Mistakes in what only the other program uses are its affair: here they are worth a warning.
        let web = reader.reading(as: audience == .registryLite ? .error : .warning)
        let building = reader.reading(as: audience == .buildman ? .error : .warning)
        let files = ConfigurationFiles(folder: folder)
        let server = ServerSection(reader, files: files, listenAddress: listenAddress)
        let mail = MailSection(web, hostname: server.hostname)
        let sourceControl = SourceControlSection(web)
        let configuration = Configuration(
            server: server, connections: ConnectionsSection(web),
            database: DatabaseSection(reader, dataDirectory: dataDirectory),
            storage: StorageSection(reader, dataDirectory: dataDirectory), redis: RedisSection(reader, files: files),
            mail: mail,
            security: SecuritySection(web, server: server), registry: ImagesSection(web),
            builds: BuildsSection(reader, manager: building, files: files, server: server, environment: environment),
            notifications: NotificationsSection(web), usageLogs: UsageLogsSection(web),
            securityScan: SecurityScanSection(web),
            sourceControl: sourceControl,
            features: FeatureFlags(web, mail: mail, sourceControl: sourceControl, hasFile: file != nil),
            dataDirectory: dataDirectory, file: file, warnings: [])
        reader.finish(ignoring: Self.ignored.union(FeatureFlags.ignored), prefixes: Self.ignoredPrefixes)
        let problems = collector.finish()
        guard !problems.contains(where: { $0.severity == .error }) else {
            throw ConfigurationProblems(file: file ?? "defaults", problems: problems)
        }
        return configuration.with(warnings: problems)
    }

    /// Quay's keys that need no attention here: written by its installer, or for parts that this product doesn't have.
    private static let ignored: Set<String> = [
        "SETUP_COMPLETE", "DB_CONNECTION_ARGS", "DB_CONNECTION_POOLING", "MAIL_USE_AUTH", "LOGS_MODEL_CONFIG",
        "TESTING", "USE_CDN",
        "INSTANCE_SERVICE_KEY_KID_LOCATION", "INSTANCE_SERVICE_KEY_LOCATION", "BUILDMAN_CONTROLLER_PORT",
        "SIGNED_GRANT_EXPIRATION_SEC", "BLACKLIST_V2_SPEC", "TEAM_RESYNC_STALE_TIME", "REPO_MIRROR_INTERVAL",
        "REPO_MIRROR_TLS_VERIFY", "REPO_MIRROR_SERVER_HOSTNAME", "CONTACT_EMAIL", "SENTRY_DSN", "GOOGLE_ANALYTICS_KEY",
        "DATA_MODEL_CACHE_CONFIG", "ALLOWED_OCI_ARTIFACT_TYPES", "LICENSE", "SSL_CIPHERS", "SSL_PROTOCOLS", "DEBUG",
        "BITTORRENT_PIECE_SIZE", "BITTORRENT_ANNOUNCE_URL", "FEATURE_BITTORRENT", "PROMETHEUS_PUSHGATEWAY_URL",
        "DEFAULT_SYSTEM_REJECT_QUOTA_BYTES", "NONSUPERUSER_TEAM_SYNCING_SETUP", "GPG2_PRIVATE_KEY_FILENAME",
        "SYSTEM_LOGS_PATH",
    ]
    private static let ignoredPrefixes = [
        "LDAP_", "JWT_", "KEYSTONE_", "SECURITY_SCANNER_V2", "BITTORRENT_", "BROWSER_API_CALLS_CSRF",
    ]
}

extension Configuration {
    fileprivate func with(warnings: [ConfigurationProblem]) -> Configuration {
        Configuration(
            server: server, connections: connections, database: database, storage: storage, redis: redis, mail: mail,
            security: security,
            registry: registry,
            builds: builds, notifications: notifications, usageLogs: usageLogs, securityScan: securityScan,
            sourceControl: sourceControl, features: features, dataDirectory: dataDirectory, file: file,
            warnings: warnings)
    }
}
