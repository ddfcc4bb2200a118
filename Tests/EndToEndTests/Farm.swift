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
    /// The first of the managers.
    var buildman: Server { managers[0] }
    let managers: [Server]
    let port: Int
    let metricsPort: Int
    let front: FarmFront
    let client: WebClient

    static let user = "admin"
    static let password = "correct-horse-battery"

    /// The registry as everybody names it.
    var host: String { front.registry }
    /// The registry itself, whatever stands before it.
    var url: String { "\(front.certificates == nil ? "http" : "https")://127.0.0.1:\(port)" }

    /// Starts both programs on a fresh database and waits until they answer.
    ///
    /// `settings`: further lines of config.yaml; `manager` and `executor`: further keys of BUILD_MANAGER and of its executor,
    /// whose EXECUTOR is `kind`;
    /// `orchestrator`: the keys of ORCHESTRATOR; `front`: what stands before the programs, given their ports.
    init(
        _ engine: TestDatabase.Engine, settings: String = "", manager: [String: String] = [:],
        kind: String = "popen", executor: [String: String] = [:],
        orchestrator: String = "MEM_CONFIG: {}", managers count: Int = 1,
        front makeFront: (_ registry: Int, _ managers: [Int]) async throws -> FarmFront = { .plain($0, $1[0]) }
    ) async throws {
        folder = try TemporaryFolder()
        port = try FreePort.find()
        let grpcPorts = try (0..<count).map { _ in try FreePort.find() }
        let metricsPorts = try (0..<count).map { _ in try FreePort.find() }
        metricsPort = metricsPorts[0]
        database = engine == .postgres ? try await TestDatabase.postgres() : nil
        let data = folder.path("data")
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        front = try await makeFront(port, grpcPorts)
        client = WebClient(addresses: .any, trust: front.trust)
        let config = folder.path("bundle")
        try FileManager.default.createDirectory(atPath: config, withIntermediateDirectories: true)
        try folder.write(
            Self.configuration(
                front, databaseURI: database?.uri ?? "sqlite:///\(data)/registry.db", settings: settings,
                manager: manager, kind: kind, executor: executor, orchestrator: orchestrator), to: "bundle/config.yaml")
        for (name, text) in try front.bundle { try folder.write(text, to: "bundle/\(name)") }
        registry = Server(
            Programs.registryLite,
            ["serve", "--config", config, "--listen", "127.0.0.1:\(port)", "--data-dir", data])
        managers = zip(grpcPorts, metricsPorts).map { grpc, metrics in
            Server(
                Programs.buildman,
                [
                    "serve", "--config", config, "--listen", "127.0.0.1:\(grpc)", "--metrics",
                    "127.0.0.1:\(metrics)", "--data-dir", data,
                ])
        }
        try registry.start()
        for manager in managers { try manager.start() }
        try await waitForHealth()
    }

    private static func configuration(
        _ front: FarmFront, databaseURI: String, settings: String, manager: [String: String],
        kind: String, executor: [String: String], orchestrator: String
    ) -> String {
        let managerLines = manager.map { "    \($0.key): \($0.value)" }.sorted().joined(separator: "\n")
        let executorLines = executor.map { "        \($0.key): \($0.value)" }.sorted().joined(separator: "\n")
        return """
            SERVER_HOSTNAME: \(front.registry)
            BUILDMAN_HOSTNAME: \(front.manager)
            \(front.settings)
            DB_URI: \(databaseURI)
            FEATURE_USER_INITIALIZE: true
            FEATURE_MAILING: false
            FEATURE_BUILD_SUPPORT: true
            LOG_ARCHIVE_FREQUENCY: 3600
            \(settings)
            BUILD_MANAGER:
              - ephemeral
              - ORCHESTRATOR:
            \(orchestrator.split(separator: "\n").map { "      \($0)" }.joined(separator: "\n"))
            \(managerLines)
                EXECUTORS:
                  - EXECUTOR: \(kind)
                    NAME: \(kind == "popen" ? "local" : kind)
            \(executorLines)
            """
    }

    /// Waits until the registry answers, after a start.
    func waitForHealth() async throws {
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
