import Domain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RegistryCore
import Runtime
import SQL
import Secrets
import ServerTLS
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
        let locations = try await settings.openLocations(logger: logger)
        let database = try settings.openDatabase(logger: logger)
        try await Self.migrator.migrate(database)
        let secrets = try InstanceSecrets.loadOrCreate(for: settings.configuration, randomness: .system)
        let platform = Platform(
            database: database, locations: locations,
            cipher: FieldCipher(secret: secrets.databaseSecretKey, randomness: .system),
            passwords: PasswordHasher(randomness: .system), secretKey: secrets.secretKey, logger: logger)
        pages = PageTokens(
            secret: settings.configuration.security.pageTokenKey ?? secrets.secretKey, randomness: .system)
        services = Registry(
            platform: platform, site: try settings.coreSite(),
            buildLogCache: try settings.configuration.redis.buildLogs.map {
                try BuildLogCache($0, logger: logger)
            })
        web = try WebPages(services: services, site: site, share: ShareFolder())
    }

    /// The parts of the site by the first segment of their paths; tests serve the same.
    ///
    /// `/metrics` is among them only when `showsMetrics`: elsewhere the path belongs to the pages, which know none such.
    /// - Parameter log: gets a line for every request; nil for none.
    static func responder(
        _ services: Registry, site: Site, pages: PageTokens, web: WebPages, metrics: MetricsText, showsMetrics: Bool,
        readiness: Readiness = Readiness(), log: RequestLog? = nil
    ) -> SiteResponder {
        let api = APIPipeline(services: services, site: site, pages: pages, routes: Features.routes)
        let sessions = SessionRoutes(services: services, site: site)
        let health = HealthRoutes(
            services: services, site: site,
            checks: HealthChecks(health: HealthService(platform: services.platform, keys: services.serviceKeys)),
            readiness: readiness)
        let v2 = V2Routes(services: services, urls: site.urls)
        let keys = KeySetRoutes(keys: services.serviceKeys)
        let buildLogs = BuildLogRoutes(services: services, site: site)
        let userFiles = UserFileRoutes(services: services, site: site)
        let metricsRoutes = MetricsRoutes(services: services, site: site, metrics: metrics)
        var responder = SiteResponder(
            parts: [
                "api": { request, context in
                    // A log that grows is no JSON answer: it has a way of its own.
                    guard BuildLogRoutes.followed(request) != nil else {
                        return await api.respond(to: request, context: context)
                    }
                    return await buildLogs.respond(to: request, context: context)
                },
                "buildlogs": { await buildLogs.respond(to: $0, context: $1) },
                "logarchive": { await buildLogs.respond(to: $0, context: $1) },
                "userfiles": { await userFiles.respond(to: $0, context: $1) },
                "csrf_token": { try await sessions.respond(to: $0, context: $1) },
                "health": { try await health.respond(to: $0, context: $1) },
                "status": { try await health.respond(to: $0, context: $1) },
                "livez": { try await health.respond(to: $0, context: $1) },
                "readyz": { try await health.respond(to: $0, context: $1) },
                "startupz": { try await health.respond(to: $0, context: $1) },
                "v2": { await v2.respond(to: $0, context: $1) },
                "_internal_ping": { try await health.respond(to: $0, context: $1) },
                "keys": { try await keys.respond(to: $0, context: $1) },
            ],
            otherwise: { await web.respond(to: $0, context: $1) })
        responder.identity = RequestIdentity(proxies: site.trustedProxies)
        responder.readiness = readiness
        responder.isReadOnly = site.isReadOnly
        let requests = RequestMetrics(factory: metrics.factory)
        responder.report = { request in
            requests.answered(request)
            log?.write(request)
        }
        if showsMetrics { responder.parts["metrics"] = { await metricsRoutes.respond(to: $0, context: $1) } }
        return responder
    }

    /// The site of `--metrics`: nothing but `/metrics`, for everybody.
    private func metricsResponder(_ metrics: MetricsText) -> SiteResponder {
        let gauges = QueueGauges(platform: services.platform, factory: metrics.factory)
        let uploads = UploadGauge(platform: services.platform, factory: metrics.factory)
        return SiteResponder(parts: [:]) { request, _ in
            guard request.uri.path == "/metrics" else { return Response(status: .notFound) }
            return await metrics.respond(to: request, gauges: gauges, uploads: uploads)
        }
    }

    /// Serves until SIGTERM or SIGINT; what is under way then has 30 s to finish.
    /// - Parameters:
    ///   - certificate: what to serve TLS with; nil for plain HTTP.
    ///   - metricsAddress: where metrics are served instead of on the public port.
    ///   - log: gets a line for every request; nil for none.
    func serve(
        _ metrics: MetricsText, certificate: ServerCertificate?, metricsAddress: (host: String, port: Int)?,
        log: RequestLog?
    ) async throws {
        let (logger, readiness) = (self.logger, Readiness())
        let connections = settings.configuration.connections
        let cap = OpenFiles.cap(wanted: connections.maximum, logger: logger)
        let application = Application(
            responder: Self.responder(
                services, site: site, pages: pages, web: web, metrics: metrics, showsMetrics: metricsAddress == nil,
                readiness: readiness, log: log),
            server: ServerPlumbing.builder(
                certificate: certificate, limits: ConnectionLimits(connections), traffic: metrics.traffic),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.listenHost, port: settings.listenPort), serverName: nil, backlog: 1024,
                availableConnectionsDelegate: ConnectionCap(cap)),
            onServerRunning: { channel in
                let address = channel.localAddress.map { "\($0)" } ?? "an unknown address"
                logger.info("RegistryLite listens on \(address)\(certificate == nil ? "" : ", with TLS")")
            }, logger: logger)
        var services: [any Service] =
            isReadOnly ? [] : WorkerList.workers(self.services, settings.configuration, logger: logger)
        services.append(HangUpSignal(certificate: certificate, logger: logger))
        if let metricsAddress {
            services.append(
                Application(
                    responder: metricsResponder(metrics),
                    configuration: ApplicationConfiguration(
                        address: .hostname(metricsAddress.host, port: metricsAddress.port), serverName: nil),
                    onServerRunning: { channel in
                        logger.info("metrics on \(channel.localAddress.map { "\($0)" } ?? "an unknown address")")
                    }, logger: logger))
        }
        // They stop from the last one on: first balancers hear of it, then requests end, then the rest.
        services.append(application)
        services.append(
            DrainingPeriod(readiness: readiness, delay: connections.shutdownDelay, clock: self.services.platform.clock))
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = connections.shutdownTimeout
        do { try await ServiceGroup(configuration: configuration).run() } catch {
            await flushPullLog()
            throw error
        }
        await flushPullLog()
        await close()
    }

    private var isReadOnly: Bool { site.isReadOnly }

    /// The last pulls that were answered, after nothing is served any more.
    private func flushPullLog() async {
        do { try await services.pullLog.flush() } catch {
            logger.error("The last pulls could not be written into the usage log: \(error)")
        }
    }

    func close() async { await services.platform.database.close() }
}
