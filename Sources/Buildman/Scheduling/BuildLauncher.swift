import Domain
import Foundation
import Logging
import RegistryCore
import Runtime

/// Starts the builder of a claimed build on the first executor that may and can.
struct BuildLauncher: Sendable {
    /// How much longer than an executor's setup time a claim and a registration token last.
    static let leeway: Duration = .seconds(30)

    let attempts: BuildAttemptService
    let supervisor: JobSupervisor
    let tokens: JobTokens
    /// In the configured order.
    let executors: [any Executor]
    /// Agents dial this manager without TLS.
    let agentsAreInsecure: Bool
    let clock: WallClock
    let metrics: BuildMetrics
    let logger: Logger

    /// Launches `job`, or gives it back: a launch that no executor started doesn't count.
    func launch(_ job: BuildAttemptService.Job) async {
        let key = job.attempt.key
        do {
            if let old = job.superseded { await stop(old) }
            var causes: [String] = []
            for executor in executors {
                switch ExecutorSelection.verdict(
                    executor.rule, namespace: job.repository.name.namespace, retriesRemaining: job.retriesRemaining)
                {
                case .otherNamespaces: continue
                case .fallback: metrics.fellBack(executor.name)
                case .eligible:
                    if let cause = try await start(job, on: executor) { causes.append(cause) } else { return }
                }
            }
            let cause = causes.isEmpty ? "no executor may build for this namespace" : causes.joined(separator: "; ")
            logger.error("no executor started a build", metadata: ["job": "\(key)", "cause": "\(cause)"])
            metrics.scheduled(requestedAt: job.build.startedAt, succeeded: false, at: clock.now)
            try await attempts.giveBack(job.attempt, because: cause)
        } catch {
            // The claim runs out by itself, and the build comes again.
            logger.error("a build could not be launched", metadata: ["job": "\(key)", "error": "\(error)"])
        }
    }

    /// Nil when the builder was started; else why not.
    private func start(_ job: BuildAttemptService.Job, on executor: any Executor) async throws -> String? {
        let attempt = job.attempt
        let begun = clock.now
        let lifetime = executor.setupTime + Self.leeway
        let launch = BuilderLaunch(
            key: attempt.key,
            registrationToken: try await tokens.issue(.registration, for: attempt.key, until: begun + lifetime),
            server: executor.server, isInsecure: agentsAreInsecure, registryHostname: job.build.config.registry)
        // Watched before it starts: a quick builder registers before its executor comes back.
        try await supervisor.begin(attempt, on: executor)
        let executionID: String
        do { executionID = try await executor.start(launch) } catch {
            try await supervisor.abandon(attempt.key)
            logger.warning(
                "an executor could not start a builder",
                metadata: ["job": "\(attempt.key)", "executor": "\(executor.name)", "error": "\(error)"])
            return "\(executor.name): \(error)"
        }
        metrics.started(executor.name, took: clock.now.timeIntervalSince(begun))
        metrics.scheduled(requestedAt: job.build.startedAt, succeeded: true, at: clock.now)
        logger.info(
            "build started",
            metadata: [
                "job": "\(attempt.key)", "repository": "\(job.repository.name)", "executor": "\(executor.name)",
                "execution": "\(executionID)",
            ])
        let isLive = try await attempts.started(
            attempt, executor: executor.name, executionID: executionID, reservation: lifetime)
        if !isLive { try await supervisor.handle(.endedElsewhere, of: attempt.key) }
        return nil
    }

    private func stop(_ old: BuildAttempt) async {
        guard let executor = executors.first(where: { $0.name == old.executor }) else { return }
        await executor.stop(old.key)
    }
}
