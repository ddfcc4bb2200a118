import Foundation
import Logging
import RegistryCore

/// What the configuration says about Jobs of a cluster.
extension ExecutorFactory {
    /// Errors: ``ExecutorFailure`` for settings that no builder could be started with.
    func kubernetesExecutor(
        _ executor: ExecutorSettings, _ kubernetes: KubernetesSettings, _ profile: ExecutorProfile
    ) throws -> KubernetesExecutor {
        let server = settings.configuration.server
        if HostAndPort(profile.server).map({ ["localhost", "127.0.0.1", "[::1]"].contains($0.host) }) ?? false {
            logger.warning(
                "executor \(executor.name): pods are told to dial \(profile.server), where they meet only themselves: set BUILDMAN_HOSTNAME"
            )
        }
        return KubernetesExecutor(
            KubernetesExecutor.Settings(
                profile: profile,
                access: KubernetesAccess(kubernetes, extraAuthorities: server.extraAuthorityFiles),
                labels: JobLabels(
                    identity: installation, executor: executor.name, manager: ProcessInfo.processInfo.hostName),
                manifest: JobManifest.Settings(
                    kubernetes: kubernetes, volumeSize: executor.volumeSize,
                    containerRuntime: executor.containerRuntime, proxies: Self.proxies(of: executor),
                    isDebug: executor.keepsBuilders),
                entries: try entries(executor, kubernetes)),
            clock: clock, logger: logger)
    }

    private func entries(
        _ executor: ExecutorSettings, _ kubernetes: KubernetesSettings
    ) throws -> @Sendable (JobManifest, BuilderLaunch) throws -> JobManifest.Entries {
        let server = settings.configuration.server
        switch kubernetes.pod {
        case .virtualMachine:
            let machine = try BuilderMachine(BuilderMachine.Settings(executor, server: server))
            return { manifest, launch in try manifest.entries(machine: machine.document(for: launch)) }
        case .agent:
            let authorities = AgentAuthorities(
                server, agentsDialTLS: settings.configuration.builds.agentsDialTLS, folder: "", executor: executor)
            return { manifest, launch in
                // Certificates only: a key that stands in the same file goes nowhere.
                let text = try authorities.map { PEMCertificates.blocks(in: try $0.text()).joined() }
                return try manifest.entries(agent: launch, authorities: text)
            }
        }
    }

    /// What all managers of this installation know, and no other installation.
    private var installation: String {
        let database: String
        switch settings.configuration.database.uri {
        case .sqlite(let path): database = path
        case .postgresql(let url):
            var parts = URLComponents(string: url)
            parts?.user = nil
            parts?.password = nil
            parts?.query = nil
            database = parts?.string ?? ""
        }
        return [settings.configuration.server.hostname, manager.orchestratorPrefix, database].joined(separator: "\n")
    }

    private static func proxies(of executor: ExecutorSettings) -> [String: String] {
        var proxies: [String: String] = [:]
        proxies["HTTP_PROXY"] = executor.httpProxy
        proxies["HTTPS_PROXY"] = executor.httpsProxy
        proxies["NO_PROXY"] = executor.noProxy
        return proxies
    }
}
