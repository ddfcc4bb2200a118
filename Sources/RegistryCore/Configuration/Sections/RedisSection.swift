/// The Redis servers for logs and sessions; the orchestrator has its own in ``BuildManagerSettings``.
package struct RedisSection: Sendable {
    /// BUILDLOGS_REDIS; nil: the database serves.
    package let buildLogs: RedisEndpoint?
    /// USER_EVENTS_REDIS.
    package let userEvents: RedisEndpoint?
}

/// One Redis server.
package struct RedisEndpoint: Sendable, Hashable {
    package let host: String
    package let port: Int
    package let password: String?
    package let database: Int
    package let usesTLS: Bool
    /// PEM files: the authority to trust instead of the system's, and a client certificate with its key.
    package let authorityFile: String?
    package let clientCertificate: ServerSection.CertificateFiles?
}

extension RedisSection {
    init(_ reader: SectionReader, files: ConfigurationFiles) {
        buildLogs = Self.endpoint(reader.section("BUILDLOGS_REDIS"), files)
        userEvents = Self.endpoint(reader.section("USER_EVENTS_REDIS"), files)
    }

    private static func endpoint(_ reader: SectionReader?, _ files: ConfigurationFiles) -> RedisEndpoint? {
        guard let reader else { return nil }
        let host = reader.nonEmptyText("host")
        if host == nil { reader.missing("host", "the Redis server's name or address") }
        let endpoint = RedisEndpoint(
            host: host ?? "localhost", port: reader.integer("port", default: 6379, in: 1...65_535),
            password: reader.nonEmptyText("password"), database: reader.integer("db", default: 0, in: 0...1_000_000),
            usesTLS: reader.bool("ssl", default: false), authorityFile: files.path("ssl_ca_certs", reader),
            clientCertificate: nil)
        reader.finish(ignoring: ["local_threads", "ssl_cert_reqs", "ssl_check_hostname"])
        return host == nil ? nil : endpoint
    }
}
