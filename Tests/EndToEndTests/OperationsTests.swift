import Foundation
import TestSupport
import Testing
import WebRequests

/// What whoever runs the programs sees of them: log lines and metrics.
@Suite("Operations", .serialized) struct OperationsTests {
    @Test("RegistryLite logs JSON lines at LOGGING_LEVEL and serves metrics on a port of their own")
    func registryLite() async throws {
        let folder = try TemporaryFolder()
        let (port, metricsPort) = (try FreePort.find(), try FreePort.find())
        let config = try folder.write("LOGGING_LEVEL: DEBUG\nFEATURE_MAILING: false\n", to: "config.yaml")
        let program = try ChildProcess(
            Programs.registryLite,
            [
                "serve", "--config", config, "--listen", "127.0.0.1:\(port)", "--metrics", "127.0.0.1:\(metricsPort)",
                "--data-dir", folder.path("data"), "--log-format", "json",
            ])
        let line = try await program.line(containing: "RegistryLite listens on")
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(fields["level"] as? String == "info")
        #expect(fields["logger"] as? String == "RegistryLite")
        try await program.line(containing: "metrics on")
        let client = WebClient(addresses: .any)
        let own = try await client.send(WebRequest(.get, "http://127.0.0.1:\(metricsPort)/metrics"))
        #expect(own.status == 200)
        #expect(own.text.contains("# TYPE quay_queue_items_locked gauge\n"))
        #expect(try await client.send(WebRequest(.get, "http://127.0.0.1:\(metricsPort)/v2/")).status == 404)
        let publicPort = try await client.send(WebRequest(.get, "http://127.0.0.1:\(port)/metrics"))
        #expect(!publicPort.text.contains("# TYPE"))
        program.send(signal: SIGTERM)
        #expect(try await program.exit(within: .seconds(40)) == 0)
        for line in program.printed.split(separator: "\n") {
            #expect(throws: Never.self, "\(line)") { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        }
        #expect(program.printed.contains(#""level":"debug""#))
    }

    @Test("a log format that is none is bad usage", arguments: [Programs.registryLite, Programs.buildman])
    func badFormat(program: String) async throws {
        let folder = try TemporaryFolder()
        let child = try ChildProcess(
            program, ["serve", "--data-dir", folder.path("data"), "--log-format", "xml"])
        #expect(try await child.exit() == 64)
        #expect(child.printed.contains("--log-format must be text or json, not xml."))
    }
}
