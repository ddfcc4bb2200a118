import Domain
import Foundation
import Logging
import ObjectStorage
import PostgresDriver
import RegistryCore
import SQL
import SQLiteDriver
import ServerTLS
import Telemetry
import WebRequests

/// What a command starts with: the configuration, and what the command line says beside it.
struct Settings: Sendable {
    /// Where `serve` listens without `--listen`.
    static let defaultListenAddress = "127.0.0.1:8080"

    let configuration: Configuration
    let listenHost: String
    let listenPort: Int
    private let logFormat: LogFormat

    /// Errors: ``Failure`` for bad usage, `ConfigurationProblems` for a configuration that can't be used.
    init(_ options: SharedOptions, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        let format = options.logFormat ?? LogFormat.text.rawValue
        guard let logFormat = LogFormat(rawValue: format) else {
            throw Failure("--log-format must be text or json, not \(format).", .usage)
        }
        self.logFormat = logFormat
        let listen = options.listen ?? Self.defaultListenAddress
        (listenHost, listenPort) = try Self.address(listen, option: "--listen")
        configuration = try ConfigurationLoader(
            audience: .registryLite, option: options.config,
            dataDirectory: URL(fileURLWithPath: options.dataDir ?? "data").standardizedFileURL.path,
            listenAddress: listen, environment: environment
        ).load()
    }

    /// Reads `HOST:PORT`, an IPv6 address in brackets. Errors: ``Failure`` that names `option`.
    static func address(_ text: String, option: String) throws -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon > text.startIndex
        else { throw Failure("\(option) must be HOST:PORT, not \(text).", .usage) }
        return (text[..<colon].trimmingCharacters(in: ["[", "]"]), port)
    }

    /// What the edges need of the configuration.
    var site: Site {
        let (server, security) = (configuration.server, configuration.security)
        var site = Site(
            urls: URLs(scheme: server.scheme.rawValue, hostname: server.hostname), features: features)
        site.anonymousAccess = configuration.features.anonymousAccess
        site.corsOrigins = Set(security.corsOrigins.filter { $0 != "*" })
        site.browserCallsNeedXHR = security.requiresXHR
        site.freshLoginTimeout = security.freshLoginTimeout
        site.sessionCookie = SessionCookieRule(
            name: security.sessionCookieName, isSecure: security.isSessionCookieSecure,
            isHTTPOnly: security.isSessionCookieHTTPOnly, sameSite: security.sessionCookieSameSite.rawValue)
        site.title = server.title
        site.trustedProxies = server.trustedProxies
        site.healthDebugSecret = server.healthDebugSecret
        site.isReadOnly = server.state == .readonly
        return site
    }

    /// What to serve TLS with; nil where this program speaks plain HTTP. Errors: ``Failure`` that names the file.
    func openCertificate() throws -> ServerCertificate? {
        guard configuration.server.servesTLS, let files = configuration.server.certificate else { return nil }
        do {
            return try ServerCertificate(
                CertificateFiles(certificate: files.certificate, key: files.key),
                applicationProtocols: SecureChannel.applicationProtocols)
        } catch { throw Failure(error.description, .configuration) }
    }

    /// Where the lines about requests go; nil when LOGGING_LEVEL leaves them out.
    func requestLog() -> RequestLog? {
        guard let level = Logger.Level(rawValue: configuration.server.logLevel), level > .info else {
            return RequestLog(EventLines(label: "RegistryLite", format: logFormat))
        }
        return nil
    }

    /// What the core needs of it. Errors: ``Failure`` for a LIBRARY_NAMESPACE that nobody can have.
    func coreSite() throws -> SiteSettings {
        let library: Username
        do { library = try Username(configuration.registry.libraryNamespace) } catch {
            throw Failure("LIBRARY_NAMESPACE: \(error.message)", .configuration)
        }
        var site = SiteSettings(
            hostname: configuration.server.hostname, library: library,
            anonymousAccess: configuration.features.anonymousAccess,
            publicCatalog: configuration.features.publicCatalog, sparseIndexes: configuration.features.sparseIndex,
            superusers: configuration.security.superusers,
            readersMayReadLogs: configuration.features.readerBuildLogs, tags: TagSettings(configuration),
            proxiesStorage: configuration.features.proxyStorage,
            userAddresses: .publicOnly(except: configuration.security.allowedPrivateNetworks),
            quotas: QuotaSettings(
                isOn: configuration.features.quotaManagement,
                systemRejectBytes: configuration.registry.systemRejectQuotaBytes))
        site.maximumQueuedBuilds = configuration.builds.defaultMaximumQueuedBuilds
        site.logArchive.location = configuration.storage.logArchiveLocation
        site.logArchive.area = configuration.storage.logArchiveArea
        site.credentials = credentialRules
        site.registryTokens = registryTokenRule
        site.serviceKeys = ServiceKeyRule(service: configuration.server.serviceKeyService)
        site.serviceKeys.signingTime = configuration.server.serviceKeyLifetime / .seconds(1)
        site.serviceKeys.refreshTime = configuration.server.serviceKeyRefresh / .seconds(1)
        site.pullLog.isOff = site.registryTokens.isReadOnly
        site.pullLog.unloggedNamespaces = configuration.usageLogs.unloggedNamespaces
            .union(configuration.usageLogs.pullUnloggedNamespaces)
        site.pullLog.allowsUnloggedPulls = configuration.usageLogs.allowsUnloggedPulls
        return site
    }

    private var credentialRules: CredentialRules {
        var rules = CredentialRules()
        rules.takesPasswords = configuration.security.authenticationType == .database
        rules.requiresEncryptedPasswords = configuration.features.requireEncryptedBasicAuth
        rules.takesAppTokens = configuration.features.appTokens
        rules.appTokenLifetime = configuration.security.appTokenLifetime
        if let retention = configuration.security.expiredAppTokenRetention {
            rules.expiredAppTokenRetention = retention
        }
        return rules
    }

    private var registryTokenRule: RegistryTokenRule {
        var rule = RegistryTokenRule()
        rule.maximumLifetimeSeconds = Int64(configuration.registry.registryTokenMaximumAge / .seconds(1))
        rule.createsPrivateRepositories = configuration.registry.createsPrivateRepositoriesOnPush
        rule.createsNamespaces = configuration.registry.createsNamespacesOnPush
        rule.isReadOnly = configuration.server.state == .readonly
        return rule
    }

    /// Makes every logger of the program write in the asked format at the level of LOGGING_LEVEL, and answers the
    /// program's own; once in a process.
    func startLogging() -> Logger {
        logFormat.bootstrap(
            level: Logger.Level(rawValue: configuration.server.logLevel) ?? .info,
            renaming: ["hb.request.id": "request_id"])
        return Logger(label: "RegistryLite")
    }

    /// Makes the data directory where it is missing, readable by its owner alone.
    func openDatabase(logger: Logger) throws -> any Database {
        try FileManager.default.createDirectory(
            atPath: configuration.dataDirectory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        switch configuration.database.uri {
        case .sqlite(let path): return try SQLiteDatabase(path: path, logger: logger)
        case .postgresql(let url):
            return try PostgresDatabase(url: url, poolSize: configuration.database.poolSize, logger: logger)
        }
    }

    private var features: Set<Feature> {
        let flags = configuration.features
        let all: [(Feature, Bool)] = [
            (.directLogin, flags.directLogin), (.userCreation, flags.userCreation),
            (.userInitialize, flags.userInitialize), (.buildSupport, flags.buildSupport),
            (.superusers, flags.superusers), (.mailing, flags.mailing), (.appTokens, flags.appTokens),
            (.logExport, flags.logExport), (.aggregatedLogs, flags.aggregatedLogs),
            (.securityScanner, flags.securityScanner), (.quotaManagement, flags.quotaManagement),
        ]
        return Set(all.filter(\.1).map(\.0))
    }
}
