import Domain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RegistryCore
import Runtime
import SQL
import Secrets
import ServiceLifecycle
import UnixSignals

/// Builds everything once: the platform, the services, the parts of the site and the workers.
struct Composition: Sendable {
    /// Brings a database to this program's schema; both programs name their database by this word.
    static let migrator = Migrator(product: "buildman", migrations: Schema.migrations)

    let settings: Settings
    let services: Registry
    let site: Site
    /// Seals the cursors of paged lists; under SECRET_KEY.
    let pages: PageTokens
    let web: WebPages
    let logger: Logger

    /// Opens and migrates the database.
    init(_ settings: Settings, logger: Logger) async throws {
        self.settings = settings
        self.logger = logger
        for warning in settings.configuration.warnings { logger.warning("configuration: \(warning)") }
        site = settings.site
        // First of all: a folder with somebody else's files stops the program before anything is changed.
        let objects = try await settings.openObjects()
        let database = try settings.openDatabase(logger: logger)
        try await Self.migrator.migrate(database)
        let secrets = try InstanceSecrets.loadOrCreate(for: settings.configuration, randomness: .system)
        let platform = Platform(
            database: database, objects: objects,
            cipher: FieldCipher(secret: secrets.databaseSecretKey, randomness: .system),
            passwords: PasswordHasher(randomness: .system), logger: logger)
        pages = PageTokens(
            secret: settings.configuration.security.pageTokenKey ?? secrets.secretKey, randomness: .system)
        services = Registry(platform: platform, site: try settings.coreSite())
        web = try WebPages(services: services, site: site, share: ShareFolder())
    }

    /// The parts of the site by the first segment of their paths; tests serve the same.
    static func responder(_ services: Registry, site: Site, pages: PageTokens, web: WebPages) -> SiteResponder {
        let api = APIPipeline(services: services, site: site, pages: pages, routes: Features.routes)
        let sessions = SessionRoutes(services: services, site: site)
        let health = HealthRoutes(
            checks: HealthChecks(health: HealthService(platform: services.platform, keys: services.serviceKeys)))
        let v2 = V2Routes(services: services, urls: site.urls)
        let keys = KeySetRoutes(keys: services.serviceKeys)
        let buildLogs = BuildLogRoutes(services: services, site: site)
        let userFiles = UserFileRoutes(services: services, site: site)
        return SiteResponder(
            parts: [
                "api": { request, context in
                    // A log that grows is no JSON answer: it has a way of its own.
                    guard BuildLogRoutes.followed(request) != nil else {
                        return await api.respond(to: request, context: context)
                    }
                    return await buildLogs.respond(to: request, context: context)
                },
                "buildlogs": { await buildLogs.respond(to: $0, context: $1) },
                "userfiles": { await userFiles.respond(to: $0, context: $1) },
                "csrf_token": { try await sessions.respond(to: $0, context: $1) },
                "health": { try await health.respond(to: $0, context: $1) },
                "status": { try await health.respond(to: $0, context: $1) },
                "v2": { await v2.respond(to: $0, context: $1) },
                "_internal_ping": { try await health.respond(to: $0, context: $1) },
                "keys": { try await keys.respond(to: $0, context: $1) },
            ],
            otherwise: { await web.respond(to: $0, context: $1) })
    }

    /// Serves until SIGTERM or SIGINT; what is under way then has 30 s to finish.
    func serve() async throws {
        let logger = self.logger
        let application = Application(
            responder: Self.responder(services, site: site, pages: pages, web: web),
            server: try ServerPlumbing.builder(tls: nil),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.listenHost, port: settings.listenPort), serverName: nil),
            onServerRunning: { channel in
                logger.info("RegistryLite listens on \(channel.localAddress.map { "\($0)" } ?? "an unknown address")")
            }, logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [application as any Service] + WorkerList.workers(services, logger: logger),
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(30)
        try await ServiceGroup(configuration: configuration).run()
        await close()
    }

    func close() async { await services.platform.database.close() }
}
