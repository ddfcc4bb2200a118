import Foundation
import TestSupport
import WebRequests

/// RegistryLite and Buildman as real processes on free ports, with a superuser and a base image: a whole build farm.
///
/// Everything lives in one temporary folder and dies with the value.
final class Farm: Sendable {
    struct Failed: Error, CustomStringConvertible { let description: String }

    let folder: TemporaryFolder
    let database: TestDatabase?
    let registry: Server
    let buildman: Server
    let port: Int
    let metricsPort: Int
    let client = WebClient(addresses: .any)

    static let user = "admin"
    static let password = "correct-horse-battery"

    var host: String { "127.0.0.1:\(port)" }
    var url: String { "http://\(host)" }

    /// Starts both programs on a fresh database and waits until they answer.
    ///
    /// `settings`: further lines of config.yaml; `manager` and `executor`: further keys of BUILD_MANAGER and of its executor,
    /// whose EXECUTOR is `kind`.
    init(
        _ engine: TestDatabase.Engine, settings: String = "", manager: [String: String] = [:],
        kind: String = "popen", executor: [String: String] = [:]
    ) async throws {
        folder = try TemporaryFolder()
        port = try FreePort.find()
        let grpcPort = try FreePort.find()
        metricsPort = try FreePort.find()
        database = engine == .postgres ? try await TestDatabase.postgres() : nil
        let data = folder.path("data")
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let config = try folder.write(
            Self.configuration(
                host: "127.0.0.1:\(port)", buildman: "127.0.0.1:\(grpcPort)",
                databaseURI: database?.uri ?? "sqlite:///\(data)/registry.db", settings: settings, manager: manager,
                kind: kind, executor: executor), to: "config.yaml")
        registry = Server(
            Programs.registryLite,
            ["serve", "--config", config, "--listen", "127.0.0.1:\(port)", "--data-dir", data])
        buildman = Server(
            Programs.buildman,
            [
                "serve", "--config", config, "--listen", "127.0.0.1:\(grpcPort)", "--metrics",
                "127.0.0.1:\(metricsPort)",
                "--data-dir", data,
            ])
        try registry.start()
        try buildman.start()
        try await waitForHealth()
    }

    private static func configuration(
        host: String, buildman: String, databaseURI: String, settings: String, manager: [String: String],
        kind: String, executor: [String: String]
    ) -> String {
        let managerLines = manager.map { "    \($0.key): \($0.value)" }.sorted().joined(separator: "\n")
        let executorLines = executor.map { "        \($0.key): \($0.value)" }.sorted().joined(separator: "\n")
        return """
            SERVER_HOSTNAME: \(host)
            PREFERRED_URL_SCHEME: http
            BUILDMAN_HOSTNAME: \(buildman)
            DB_URI: \(databaseURI)
            FEATURE_USER_INITIALIZE: true
            FEATURE_MAILING: false
            FEATURE_BUILD_SUPPORT: true
            \(settings)
            BUILD_MANAGER:
              - ephemeral
              - ORCHESTRATOR:
                  MEM_CONFIG: {}
            \(managerLines)
                EXECUTORS:
                  - EXECUTOR: \(kind)
                    NAME: \(kind == "popen" ? "local" : kind)
            \(executorLines)
            """
    }

    private func waitForHealth() async throws {
        for _ in 0..<300 {
            if let answer = try? await client.send(WebRequest(.get, "\(url)/health/instance")), answer.status == 200 {
                return
            }
            if let code = registry.exitCode {
                throw Failed(description: "RegistryLite ended with \(code): \(registry.log)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Failed(description: "RegistryLite is not healthy after 30 s: \(registry.log)")
    }

    /// Waits until `condition` holds; asks every 100 ms.
    func eventually(
        _ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while try await !condition() {
            guard ContinuousClock.now < deadline else {
                throw Failed(description: "Not within \(limit): \(what)\n\(registry.log)\n\(buildman.log)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
