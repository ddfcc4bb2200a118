import Domain
import Foundation
import Logging
import Runtime
import TestSupport
import Testing
import WebRequests

@testable import Buildman
@testable import RegistryCore

/// The executor's settings as a configuration file gives them, and launches to try them with.
enum KubernetesCase {
    static let uuid = "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f"
    static let key = JobKey(buildUUID: uuid, attempt: 1)
    static let launch = launch(key)
    static let required = "QUAY_USERNAME: user, QUAY_PASSWORD: worker-password, WORKER_TAG: v3.4.0"

    static func launch(_ key: JobKey, isInsecure: Bool = false) -> BuilderLaunch {
        BuilderLaunch(
            key: key, registrationToken: "registration-token-of-\(key)", server: "buildman.example.com:443",
            isInsecure: isInsecure, registryHostname: "registry.example.com")
    }

    /// An executor's settings out of the keys of its mapping, written in YAML's flow style.
    static func executor(_ keys: String = "", kind: String = "kubernetes") throws -> ExecutorSettings {
        let folder = try TemporaryFolder()
        let needed = kind == "kubernetes" ? ", \(required)" : ""
        let path = try folder.write(
            """
            FEATURE_MAILING: false
            BUILD_MANAGER:
            - ephemeral
            - ORCHESTRATOR: {MEM_CONFIG: {}}
              EXECUTORS:
              - {EXECUTOR: \(kind)\(needed)\(keys.isEmpty ? "" : ", \(keys)")}
            """, to: "config.yaml")
        let configuration = try ConfigurationLoader(
            audience: .buildman, option: path, dataDirectory: folder.path("data"), environment: [:]
        ).load()
        return try #require(configuration.builds.manager?.executors.first)
    }

    static func settings(_ keys: String = "", kind: String = "kubernetes") throws -> KubernetesSettings {
        guard case .kubernetes(let settings) = try executor(keys, kind: kind).kind else {
            throw ExecutorFailure("not kubernetes")
        }
        return settings
    }

    static func manifest(_ keys: String = "", kind: String = "kubernetes") throws -> JobManifest {
        let executor = try executor(keys, kind: kind)
        return JobManifest(
            settings: JobManifest.Settings(
                kubernetes: try settings(keys, kind: kind), volumeSize: executor.volumeSize,
                containerRuntime: executor.containerRuntime,
                proxies: [("HTTP_PROXY", executor.httpProxy), ("HTTPS_PROXY", executor.httpsProxy)].reduce(into: [:]) {
                    $0[$1.0] = $1.1
                },
                isDebug: executor.keepsBuilders))
    }
}

/// A small cluster, and an executor that works on it.
final class KubernetesFixture: Sendable {
    let server: KubernetesServer
    let executor: KubernetesExecutor
    let log: CapturedLog

    static let document = #"{"ignition":{"version":"3.0.0"},"the":"machine's secrets"}"#

    static var quick: KubernetesExecutor.Timing {
        var timing = KubernetesExecutor.Timing()
        timing.watch.firstPause = .milliseconds(20)
        timing.watch.longestPause = .milliseconds(100)
        timing.watch.shortStream = .milliseconds(50)
        timing.noPod = .milliseconds(100)
        timing.retries = .milliseconds(300)
        timing.unschedulable = .milliseconds(300)
        timing.stop = .seconds(5)
        return timing
    }

    /// - Parameter keys: of the executor's mapping, besides those that lead to the server.
    init(
        _ server: KubernetesServer? = nil, _ keys: String = "", kind: String = "kubernetes",
        name: String = "kubernetes",
        timing: KubernetesExecutor.Timing = KubernetesFixture.quick, identity: String = "registry.test",
        setupTime: Duration = .seconds(500), credentials: String = "SERVICE_ACCOUNT_TOKEN: \(KubernetesServer.token)",
        document: @escaping @Sendable (BuilderLaunch) throws -> String = { _ in KubernetesFixture.document }
    ) async throws {
        let given = server
        let server = if let given { given } else { try await KubernetesServer() }
        self.server = server
        let all = ["K8S_API_SERVER: \(server.address)", credentials, keys].filter { !$0.isEmpty }.joined(
            separator: ", ")
        let manifest = try KubernetesCase.manifest(all, kind: kind)
        // The small cluster speaks plain text where no certificates are made for it.
        let access = KubernetesAccess(manifest.settings.kubernetes, environment: [:])
        log = CapturedLog()
        executor = KubernetesExecutor(
            KubernetesExecutor.Settings(
                profile: ExecutorProfile(
                    name: name, setupTime: setupTime, server: "buildman.example.com:443", stopsWithManager: false),
                access: access.overPlainText,
                labels: JobLabels(identity: identity, executor: name, manager: "host-1"),
                manifest: manifest.settings,
                entries: { manifest, launch in
                    switch manifest.settings.kubernetes.pod {
                    case .virtualMachine: try manifest.entries(machine: document(launch))
                    case .agent: try manifest.entries(agent: launch, authorities: nil)
                    }
                }, timing: timing),
            clock: .system, logger: log.logger)
    }

    /// Starts a builder and waits until its Job is seen, with its pod where the cluster makes one.
    @discardableResult
    func launch(_ key: JobKey = KubernetesCase.key) async throws -> String {
        let name = try await executor.start(KubernetesCase.launch(key))
        try await until("the Job \(key) is seen") { await self.executor.table.jobs[key] != nil }
        return name
    }

    /// How the next builder ended.
    func nextEnd(within limit: Duration = .seconds(10)) async throws -> BuilderEnd {
        let ends = executor.ends
        return try await withThrowingTaskGroup(of: BuilderEnd?.self) { group in
            group.addTask {
                for await end in ends { return end }
                return nil
            }
            group.addTask {
                try await WallClock.system.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let end = first else {
                throw ExecutorFailure("No builder ended; the log:\n\(log.lines.joined(separator: "\n"))")
            }
            return end
        }
    }

    func until(
        _ what: String, within limit: Duration = .seconds(10), _ isSo: @Sendable () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + limit
        while !(try await isSo()) {
            guard ContinuousClock.now < end else {
                throw ExecutorFailure("Waited in vain: \(what)\n\(log.lines.joined(separator: "\n"))")
            }
            try await WallClock.system.sleep(for: .milliseconds(10))
        }
    }
}

extension KubernetesAccess {
    /// The same by http, which no configuration with a token asks for.
    var overPlainText: KubernetesAccess {
        KubernetesAccess(
            url: url.replacingOccurrences(of: "https://", with: "http://"), trust: .system, credentials: credentials,
            timeout: timeout)
    }
}
