/// The site: its address as the world sees it, its name, its certificates.
package struct ServerSection: Sendable {
    package enum Scheme: String, Sendable, CaseIterable { case http, https }
    package enum State: String, Sendable, CaseIterable { case normal, readonly }
    package enum AvatarKind: String, Sendable, CaseIterable { case local, gravatar }

    /// PREFERRED_URL_SCHEME: the scheme of every URL that is made; https also makes cookies secure.
    package let scheme: Scheme
    /// SERVER_HOSTNAME: `host` or `host:port` as it stands in URLs and image references.
    package let hostname: String
    /// EXTERNAL_TLS_TERMINATION: TLS ends before this program.
    package let isTLSTerminatedOutside: Bool
    /// `ssl.cert` and `ssl.key` beside the configuration, if both are there.
    package let certificate: CertificateFiles?
    /// `extra_ca_cert_*` beside the configuration: PEM files whose authorities are trusted in addition.
    package let extraAuthorityFiles: [String]
    /// TRUSTED_PROXIES: whose X-Forwarded-* headers count.
    package let trustedProxies: TrustedProxies
    /// REGISTRY_TITLE, REGISTRY_TITLE_SHORT.
    package let title: String
    package let shortTitle: String
    /// REGISTRY_STATE: `readonly` answers 503 to writes.
    package let state: State
    package let contactInfo: [String]
    package let logoURL: String?
    package let documentationRoot: String?
    package let avatarKind: AvatarKind
    /// AVATAR_COLORS; empty means the product's own.
    package let avatarColors: [String]
    /// LOGGING_LEVEL in lower case, as swift-log names it.
    package let logLevel: String
    /// PROMETHEUS_NAMESPACE: what metric names start with.
    package let metricsPrefix: String
    /// INSTANCE_SERVICE_KEY_*.
    package let serviceKeyService: String
    package let serviceKeyLifetime: Duration
    package let serviceKeyRefresh: Duration
    /// ENABLE_HEALTH_DEBUG_SECRET: opens the detailed health answer; nil means closed.
    package let healthDebugSecret: String?
    /// SEARCH_RESULTS_PER_PAGE, SEARCH_MAX_RESULT_PAGE_COUNT.
    package let searchPageSize: Int
    package let searchMaximumPages: Int
    /// STAGGER_WORKERS: background workers start at random moments.
    package let staggersWorkers: Bool
    /// QUEUE_WORKER_METRICS_REFRESH_SECONDS.
    package let queueMetricsRefresh: Duration

    package struct CertificateFiles: Sendable, Hashable {
        package let certificate: String
        package let key: String
    }

    /// Whether this program itself speaks TLS.
    package var servesTLS: Bool { scheme == .https && !isTLSTerminatedOutside }

    /// `scheme://hostname`, without a slash at the end.
    package var baseURL: String { "\(scheme.rawValue)://\(hostname)" }

    /// The host without its port; an IPv6 address keeps its brackets.
    package var host: String { HostAndPort(hostname)?.host ?? hostname }

    /// The port that clients use: the one in SERVER_HOSTNAME, else the scheme's.
    package var port: Int { HostAndPort(hostname)?.port ?? (scheme == .https ? 443 : 80) }
}

extension ServerSection {
    init(_ reader: SectionReader, files: ConfigurationFiles, listenAddress: String) {
        scheme = reader.choice("PREFERRED_URL_SCHEME", default: .http)
        isTLSTerminatedOutside = reader.bool("EXTERNAL_TLS_TERMINATION", default: false)
        hostname = Self.hostname(reader) ?? listenAddress
        certificate = Self.certificate(files)
        extraAuthorityFiles = files.extraAuthorities
        trustedProxies = TrustedProxies(reader.networks("TRUSTED_PROXIES"))
        title = reader.text("REGISTRY_TITLE", default: "RegistryLite")
        shortTitle = reader.text(
            "REGISTRY_TITLE_SHORT", default: reader.text("REGISTRY_TITLE", default: "RegistryLite"))
        state = reader.choice("REGISTRY_STATE", default: .normal)
        contactInfo = reader.texts("CONTACT_INFO")
        let branding = reader.section("BRANDING")
        logoURL = branding?.nonEmptyText("logo") ?? reader.nonEmptyText("ENTERPRISE_LOGO_URL")
        branding?.finish(ignoring: ["footer_img", "footer_url"])
        documentationRoot = reader.nonEmptyText("DOCUMENTATION_ROOT")
        avatarKind = reader.choice("AVATAR_KIND", default: .local)
        avatarColors = reader.texts("AVATAR_COLORS")
        logLevel = Self.logLevel(reader)
        metricsPrefix = reader.text("PROMETHEUS_NAMESPACE", default: "quay")
        serviceKeyService = reader.text("INSTANCE_SERVICE_KEY_SERVICE", default: "quay")
        let minutes = 1...1_000_000
        serviceKeyLifetime = .seconds(60 * reader.integer("INSTANCE_SERVICE_KEY_EXPIRATION", default: 120, in: minutes))
        serviceKeyRefresh = .seconds(60 * reader.integer("INSTANCE_SERVICE_KEY_REFRESH", default: 55, in: minutes))
        healthDebugSecret = reader.nonEmptyText("ENABLE_HEALTH_DEBUG_SECRET")
        searchPageSize = reader.integer("SEARCH_RESULTS_PER_PAGE", default: 10, in: 1...100)
        searchMaximumPages = reader.integer("SEARCH_MAX_RESULT_PAGE_COUNT", default: 10, in: 1...1000)
        staggersWorkers = reader.bool("STAGGER_WORKERS", default: true)
        queueMetricsRefresh = reader.seconds("QUEUE_WORKER_METRICS_REFRESH_SECONDS", default: 300, atLeast: 0.1)
        if serviceKeyService == "buildman" {
            reader.problem(
                "INSTANCE_SERVICE_KEY_SERVICE",
                "buildman is the service of builders' tokens, which must have keys of its own."
            )
        }
        if serviceKeyRefresh >= serviceKeyLifetime {
            reader.problem(
                "INSTANCE_SERVICE_KEY_REFRESH", "A key must be refreshed before INSTANCE_SERVICE_KEY_EXPIRATION.")
        }
        if servesTLS, certificate == nil {
            reader.problem(
                "PREFERRED_URL_SCHEME",
                "https needs ssl.cert and ssl.key beside the configuration, or EXTERNAL_TLS_TERMINATION: true.")
        }
    }

    private static func hostname(_ reader: SectionReader) -> String? {
        guard let written = reader.nonEmptyText("SERVER_HOSTNAME") else { return nil }
        if HostAndPort(written) != nil { return written }
        let hint = written.contains("://") ? " without a scheme" : ""
        reader.problem("SERVER_HOSTNAME", "Expected host or host:port\(hint), got \"\(written.prefix(100))\".")
        return nil
    }

    private static func certificate(_ files: ConfigurationFiles) -> CertificateFiles? {
        guard let certificate = files.existing("ssl.cert"), let key = files.existing("ssl.key") else { return nil }
        return CertificateFiles(certificate: certificate, key: key)
    }

    private static func logLevel(_ reader: SectionReader) -> String {
        // Python's names beside swift-log's.
        let levels = [
            "trace": "trace", "debug": "debug", "info": "info", "notice": "notice", "warning": "warning",
            "warn": "warning",
            "error": "error", "critical": "critical", "fatal": "critical",
        ]
        guard let written = reader.nonEmptyText("LOGGING_LEVEL") else { return "info" }
        if let level = levels[written.lowercased()] { return level }
        reader.problem(
            "LOGGING_LEVEL", "Expected DEBUG, INFO, WARNING, ERROR or CRITICAL, got \"\(written.prefix(60))\".")
        return "info"
    }
}
