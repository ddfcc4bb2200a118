import Foundation
import TestSupport
import Testing
import WebRequests

/// Both programs with a certificate beside their configuration.
@Suite("Programs under TLS", .serialized) struct SecureProgramsTests {
    private let folder: TemporaryFolder
    private let ports: (registry: Int, manager: Int, metrics: Int)

    init() throws {
        folder = try TemporaryFolder()
        ports = (try FreePort.find(), try FreePort.find(), try FreePort.find())
        try FileManager.default.createDirectory(
            atPath: folder.path("bundle"), withIntermediateDirectories: true)
        try folder.write(
            """
            SERVER_HOSTNAME: localhost:\(ports.registry)
            PREFERRED_URL_SCHEME: https
            FEATURE_MAILING: false
            BUILD_MANAGER: [ephemeral, {ORCHESTRATOR: {MEM_CONFIG: {}}, EXECUTORS: [{EXECUTOR: popen}]}]
            """, to: "bundle/config.yaml")
    }

    private func put(_ certificates: TestCertificates, key: String? = nil) throws {
        for (from, to) in [
            (certificates.serverCertificate, "bundle/ssl.cert"), (key ?? certificates.serverKey, "bundle/ssl.key"),
        ] { try folder.write(try String(contentsOfFile: from, encoding: .utf8), to: to) }
    }

    private func start(_ program: String, _ options: String...) throws -> ChildProcess {
        try ChildProcess(
            program, ["serve", "--config", folder.path("bundle"), "--data-dir", folder.path("data")] + options)
    }

    /// Whether somebody who believes only `authority` is answered by the registry.
    private func isBelieved(_ authority: String) async -> Bool {
        let client = WebClient(addresses: .any, trust: TLSTrust(authorities: .only([.file(path: authority)])))
        let answer = try? await client.send(WebRequest(.get, "https://localhost:\(ports.registry)/livez"))
        return answer?.status == 200
    }

    /// What a real agent with a token that is none hears from the manager, over TLS.
    private func agentHears(_ authority: String) async throws -> String {
        let agent = try ChildProcess(
            "\(Programs.folder)/BuilderAgent",
            environment: [
                "TOKEN": "x.y.z", "SERVER": "localhost:\(ports.manager)", "TLS_CERT_PATH": authority,
                "CONTAINER_RUNTIME": "buildah",
            ])
        try await agent.exit()
        return agent.printed
    }

    @Test("serve it, read it again on SIGHUP, and keep the old one when the new one is broken")
    func certificates() async throws {
        let (first, second) = (try await TestCertificates(), try await TestCertificates())
        try put(first)
        let registry = try start(Programs.registryLite, "--listen", "127.0.0.1:\(ports.registry)")
        let manager = try start(
            Programs.buildman, "--listen", "127.0.0.1:\(ports.manager)", "--metrics", "127.0.0.1:\(ports.metrics)")
        try await registry.line(containing: "RegistryLite listens on")
        try await manager.line(containing: "Buildman listens on")
        #expect(await isBelieved(first.authority))
        #expect(await !isBelieved(second.authority))
        #expect(try await agentHears(first.authority).contains("The registration was refused: unauthenticated"))
        // A connection that stands stays: this one asks only when the certificate has changed.
        let standing = try ChildProcess(
            "/bin/sh",
            [
                "-c",
                """
                { while ! [ -e "$1" ]; do sleep 0.1; done; printf 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'; sleep 20; } |
                    openssl s_client -connect "localhost:$2" -CAfile "$3" 2>&1
                """, "sh", folder.path("go"), "\(ports.registry)", first.authority,
            ])
        try await standing.line(containing: "Verify return code: 0")

        try put(second)
        for program in [registry, manager] {
            program.send(signal: SIGHUP)
            try await program.line(containing: "the certificate has been read again")
        }
        #expect(await isBelieved(second.authority))
        #expect(await !isBelieved(first.authority))
        #expect(try await agentHears(second.authority).contains("The registration was refused: unauthenticated"))
        try folder.write("", to: "go")
        try await standing.line(containing: "200 OK")

        try folder.write("garbage", to: "bundle/ssl.cert")
        for program in [registry, manager] {
            program.send(signal: SIGHUP)
            try await program.line(containing: "the old one stays: The certificate")
        }
        #expect(await isBelieved(second.authority))
        for program in [registry, manager] {
            program.send(signal: SIGTERM)
            #expect(try await program.exit(within: .seconds(40)) == 0)
        }
    }

    @Test(
        "SEC-Key/issuer trust: a key that does not belong to the certificate stops both programs with 78",
        arguments: [Programs.registryLite, Programs.buildman])
    func mismatch(program: String) async throws {
        let certificates = try await TestCertificates()
        try put(certificates, key: certificates.clientKey)
        let child = try start(program)
        #expect(try await child.exit() == 78)
        #expect(child.printed.contains("does not belong to the certificate"), "\(child.printed)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("data")))
    }
}
