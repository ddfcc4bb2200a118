import Foundation
import Logging
import RegistryCore
import Runtime

/// Makes the executors that the configuration names, in its order.
struct ExecutorFactory: Sendable {
    let settings: Settings
    let manager: BuildManagerSettings
    let clock: WallClock
    let logger: Logger

    /// What keeps an executor from working is said now, and again whenever a build meets it. Errors: ``Failure`` for
    /// settings that no builder could be started with.
    func executors() async throws -> [any Executor] {
        var executors: [any Executor] = []
        for executor in manager.executors {
            switch executor.kind {
            case .local(let local): executors.append(await localExecutor(executor, local))
            case .ec2(let ec2): executors.append(try named(executor) { try ec2Executor(executor, ec2) })
            case .kubernetes(let kubernetes):
                let profile = profile(of: executor, stopsWithManager: false)
                executors.append(try named(executor) { try kubernetesExecutor(executor, kubernetes, profile) })
            }
        }
        return executors
    }

    private func named<Made: Executor>(_ executor: ExecutorSettings, _ make: () throws -> Made) throws -> Made {
        do { return try make() } catch {
            throw Failure("The executor \(executor.name): \(error)", .configuration)
        }
    }

    private func localExecutor(_ executor: ExecutorSettings, _ local: LocalExecutorSettings) async -> LocalExecutor {
        let built = LocalExecutor(
            LocalExecutor.Settings(
                profile: profile(of: executor, stopsWithManager: true),
                command: BuilderCommand.Settings(
                    program: local.program ?? Self.agentBesideThisProgram, runtime: executor.containerRuntime.rawValue,
                    isolation: local.isolation,
                    // crun, which buildah prefers, refuses the mixed cgroups of many systems; runc takes them.
                    containerStarter: LocalReadiness.lookUp("runc"),
                    certificatePath: settings.agentAuthorities?.path, isDebug: executor.keepsBuilders),
                base: BuilderRooms.defaultBase(dataDirectory: settings.configuration.dataDirectory),
                dataDirectory: settings.configuration.dataDirectory),
            clock: clock, logger: logger)
        for problem in await built.problems() { logger.error("executor \(executor.name): \(problem)") }
        return built
    }

    private func ec2Executor(_ executor: ExecutorSettings, _ ec2: EC2Settings) throws -> EC2Executor {
        try EC2Executor(
            executor, ec2, profile: profile(of: executor, stopsWithManager: false),
            site: EC2Executor.Site(
                server: settings.configuration.server,
                manager: "\(ProcessInfo.processInfo.hostName):\(settings.listen.port)"),
            clock: clock, logger: logger)
    }

    private func profile(of executor: ExecutorSettings, stopsWithManager: Bool) -> ExecutorProfile {
        ExecutorProfile(
            name: executor.name,
            rule: ExecutorSelection.Rule(
                minimumRetryThreshold: executor.minimumRetries, namespaceWhitelist: executor.allowedNamespaces,
                stagedRollout: executor.stagedRollout),
            setupTime: executor.setupTime ?? manager.timing.setupTimeout,
            server: settings.hostname(of: executor), stopsWithManager: stopsWithManager)
    }

    private static var agentBesideThisProgram: String {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: program).deletingLastPathComponent().appending(path: "BuilderAgent").path
    }
}
