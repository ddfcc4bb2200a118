import Domain
import Foundation
import Logging
import ObjectStorage
import PostgresDriver
import RegistryCore
import SQL
import SQLiteDriver
import WebRequests

/// What a command starts with: the configuration, and what the command line says beside it.
struct Settings: Sendable {
    /// Where `serve` listens without `--listen`.
    static let defaultListenAddress = "127.0.0.1:8080"

    let configuration: Configuration
    let listenHost: String
    let listenPort: Int

    /// Errors: ``Failure`` for bad usage, `ConfigurationProblems` for a configuration that can't be used.
    init(_ options: SharedOptions, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        let listen = options.listen ?? Self.defaultListenAddress
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
            (0...65_535).contains(port), colon > listen.startIndex
        else { throw Failure("--listen must be HOST:PORT, not \(listen).", .usage) }
        listenHost = listen[..<colon].trimmingCharacters(in: ["[", "]"])
        listenPort = port
        configuration = try ConfigurationLoader(
            audience: .registryLite, option: options.config,
            dataDirectory: URL(fileURLWithPath: options.dataDir ?? "data").standardizedFileURL.path,
            listenAddress: listen, environment: environment
        ).load()
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
        return site
    }

    /// What the core needs of it. Errors: ``Failure`` for a LIBRARY_NAMESPACE that nobody can have.
    func coreSite() throws -> SiteSettings {
        let library: Username
        do { library = try Username(configuration.registry.libraryNamespace) } catch {
            throw Failure("LIBRARY_NAMESPACE: \(error.message)", .configuration)
        }
        return SiteSettings(
            hostname: configuration.server.hostname, library: library,
            anonymousAccess: configuration.features.anonymousAccess, superusers: configuration.security.superusers,
            readersMayReadLogs: configuration.features.readerBuildLogs,
            userAddresses: .publicOnly(except: configuration.security.allowedPrivateNetworks))
    }

    /// The location that blobs are written to. Errors: ``Failure`` for a kind that this program can't write to.
    func openObjects() async throws -> any ObjectStore {
        let preferred = configuration.storage.preferred
        switch preferred.engine {
        case .local(let path): return try await LocalDiskStore.open(path, location: preferred.name)
        case .s3:
            throw Failure(
                "The storage location \(preferred.name) is a bucket: only folders are served.", .configuration)
        }
    }

    /// The logger of the whole program, at the level of LOGGING_LEVEL.
    var logger: Logger {
        var logger = Logger(label: "RegistryLite")
        logger.logLevel = Logger.Level(rawValue: configuration.server.logLevel) ?? .info
        return logger
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
            (.securityScanner, flags.securityScanner),
        ]
        return Set(all.filter(\.1).map(\.0))
    }
}
