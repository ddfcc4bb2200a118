package import Redis

extension RedisEndpoint {
    /// What a client of that server is made with.
    package var settings: RedisSettings {
        RedisSettings(
            host: host, port: port, password: password, database: database,
            tls: usesTLS
                ? RedisSettings.TLS(
                    authorityFile: authorityFile, certificateFile: clientCertificate?.certificate,
                    keyFile: clientCertificate?.key) : nil)
    }
}
