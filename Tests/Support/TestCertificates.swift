/// An authority of a test's own and certificates it signed, made by openssl; valid for two days.
package struct TestCertificates: Sendable {
    private let folder: TemporaryFolder

    /// Paths of PEM files.
    package var authority: String { folder.path("ca.pem") }
    package var serverCertificate: String { folder.path("server.pem") }
    package var serverKey: String { folder.path("server.key") }
    package var clientCertificate: String { folder.path("client.pem") }
    package var clientKey: String { folder.path("client.key") }

    /// Makes the files; `names` are what the server may be called, such as `DNS:localhost` or `IP:127.0.0.1`.
    package init(serverNames names: [String] = ["DNS:localhost", "IP:127.0.0.1"]) async throws {
        folder = try TemporaryFolder()
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key"]
        try await make("ca", "Test Authority", [])
        try await make("server", "server", signed + ["-addext", "subjectAltName=\(names.joined(separator: ","))"])
        try await make("client", "client", signed)
    }

    private func make(_ name: String, _ subject: String, _ more: [String]) async throws {
        let openssl = try ChildProcess(
            "openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
                + ["-subj", "/CN=\(subject)", "-keyout", "\(name).key", "-out", "\(name).pem"] + more,
            directory: folder.path)
        guard try await openssl.exit() == 0 else { throw ChildProcess.Failed(description: openssl.printed) }
    }
}
