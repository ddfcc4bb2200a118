import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import TestSupport
import Testing

@testable import BuilderAgent

@Suite("Manager transport") struct ManagerTransportTests {
    @Test("SEC-Key/issuer trust: TLS_CERT_PATH is the only root: its server is believed, another is not")
    func onlyRoot() async throws {
        let folder = try TemporaryFolder()
        for name in ["good", "other"] {
            let arguments = [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=\(name)", "-addext",
                "subjectAltName=IP:127.0.0.1", "-keyout", folder.path("\(name).key"), "-out",
                folder.path("\(name).crt"),
            ]
            let result = try await CommandRunner().run(Command("openssl", arguments, environment: ["PATH": "/usr/bin"]))
            try #require(result.isSuccess, "\(result.tail)")
        }
        // A bundle: the right one is the second.
        try folder.write(try folder.read("other.crt") + folder.read("good.crt"), to: "bundle.crt")
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let manager = FakeManager(farm.script())
        let security = HTTP2ServerTransport.Posix.TransportSecurity.tls(
            certificateChain: [.file(path: folder.path("good.crt"), format: .pem)],
            privateKey: .file(path: folder.path("good.key"), format: .pem))
        try await manager.serve(security: security) { port in
            let refused = try await farm.session(
                port: port, ScriptedRuntime(), over: .tls(onlyRoot: folder.path("other.crt"))
            ) {
                $0.dial = .seconds(3)
                // Who isn't believed at first isn't later either.
                $0.arrival = .zero
            }
            guard case .abandoned = refused else {
                Issue.record("ended as \(refused)")
                return
            }
            #expect(manager.memory.calls == [])
            let accepted = try await farm.session(
                port: port, ScriptedRuntime(), over: .tls(onlyRoot: folder.path("bundle.crt")))
            #expect(accepted == .complete)
        }
    }

    @Test("a certificate file that is missing or holds no certificate is said so")
    func badFiles() throws {
        let folder = try TemporaryFolder()
        try folder.write("nothing", to: "empty.crt")
        for name in ["empty.crt", "missing.crt"] {
            #expect(throws: ManagerTransport.BadCertificates.self) {
                try ManagerTransport.make(.init(host: "h", port: 1), .tls(onlyRoot: folder.path(name)))
            }
        }
    }
}
