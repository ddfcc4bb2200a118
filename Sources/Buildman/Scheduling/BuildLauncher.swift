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
    let roster: ExecutorRoster
    /// How long a start call may take at most, and the stop call that follows one that failed.
    let startTimeout: Duration
    /// Agents dial this manager without TLS.
    let agentsAreInsecure: Bool
    let clock: WallClock
    let metrics: BuildMetrics
    let logger: Logger

    private enum Outcome {
        /// Or ended by somebody else meanwhile: nothing is left to do.
        case started
        case failed(String)
    }

    /// Launches `job`, beginning with `first`, or gives it back: a launch that no executor started doesn't count.
    ///
    /// Each start call has an attempt of its own. What an executor that failed, or did not answer in time, has started
    /// after all can't speak for the build any more.
    func launch(_ job: BuildAttemptService.Job, on first: ExecutorRoster.Choice?) async {
        var attempt = job.attempt
        do {
            if let old = job.superseded, let executor = roster.named(old.executor) { await stop(old.key, on: executor) }
            var causes: [String] = []
            var choice = first
            while let chosen = choice {
                guard case .failed(let cause) = try await start(attempt, of: job, on: chosen.executor) else { return }
                causes.append(cause)
                choice = await roster.choose(
                    for: job.build.uuid, namespace: job.repository.name.namespace,
                    retriesRemaining: job.retriesRemaining, after: chosen.position)
                guard let next = choice else { break }
                guard let replacement = try await attempts.replace(attempt) else {
                    await roster.left(job.build.uuid, by: next.executor.name)
                    return
                }
                attempt = replacement
            }
            let cause = causes.isEmpty ? "no executor may build for this namespace now" : causes.joined(separator: "; ")
            logger.error("no executor started a build", metadata: ["job": "\(attempt.key)", "cause": "\(cause)"])
            metrics.scheduled(waitingSince: job.waitingSince, succeeded: false, at: clock.now)
            try await attempts.giveBack(attempt, because: cause)
        } catch {
            // The claim runs out by itself, and the build comes again.
            logger.error(
                "a build could not be launched", metadata: ["job": "\(attempt.key)", "error": "\(error)"])
        }
    }

    private func start(
        _ attempt: BuildAttempt, of job: BuildAttemptService.Job, on executor: any Executor
    ) async throws -> Outcome {
        let (key, begun) = (attempt.key, clock.now)
        let lifetime = executor.setupTime + Self.leeway
        let launch = BuilderLaunch(
            key: key,
            registrationToken: try await tokens.issue(.registration, for: key, until: begun + lifetime),
            server: executor.server, isInsecure: agentsAreInsecure, registryHostname: job.build.config.registry)
        // Watched before it starts: a quick builder registers before its executor comes back.
        await supervisor.begin(attempt, on: executor)
        let executionID: String
        switch await call(executor, launch) {
        case .success(let identifier): executionID = identifier
        case .failure(let error): return await fail(attempt, on: executor, .error, because: "\(error)")
        case nil:
            let cause =
                Task.isCancelled
                ? "the manager stops" : "its start call took longer than \(limit(of: executor).inSeconds.formatted()) s"
            return await fail(attempt, on: executor, .timeout, because: cause)
        }
        await roster.started(key.buildUUID, on: executor.name)
        metrics.started(executor.name, took: clock.now.timeIntervalSince(begun))
        metrics.scheduled(waitingSince: job.waitingSince, succeeded: true, at: clock.now)
        logger.info(
            "build started",
            metadata: [
                "job": "\(key)", "repository": "\(job.repository.name)", "executor": "\(executor.name)",
                "execution": "\(executionID)",
            ])
        let isLive = try await attempts.started(
            attempt, executor: executor.name, executionID: executionID, reservation: lifetime)
        if !isLive {
            try await supervisor.handle(.endedElsewhere, of: key)
            // Whoever stopped it while it was being started may have come too early.
            await stop(key, on: executor)
        }
        return .started
    }

    /// Nil where the call did not come back in time; a builder that it starts later is stopped then.
    private func call(_ executor: any Executor, _ launch: BuilderLaunch) async -> Result<String, any Error>? {
        await TimeLimit.run(
            limit(of: executor), clock: clock,
            late: { _ in
                logger.warning(
                    "a builder was started too late, and is stopped",
                    metadata: ["job": "\(launch.key)", "executor": "\(executor.name)"])
                await executor.stop(launch.key)
            }
        ) { try await executor.start(launch) }
    }

    /// The builder must have time to register after its start.
    private func limit(of executor: any Executor) -> Duration { min(startTimeout, executor.setupTime / 2) }

    private func fail(
        _ attempt: BuildAttempt, on executor: any Executor, _ reason: BuildMetrics.StartFailure, because cause: String
    ) async -> Outcome {
        await supervisor.abandon(attempt.key)
        logger.warning(
            "an executor could not start a builder",
            metadata: ["job": "\(attempt.key)", "executor": "\(executor.name)", "error": "\(cause)"])
        // A call that was broken off by the end of this program says nothing about the executor.
        if !Task.isCancelled {
            metrics.startFailed(executor.name, reason)
            await roster.failed(.start, attempt.key.buildUUID, on: executor.name, because: cause)
        }
        // The builder may be there all the same.
        await stop(attempt.key, on: executor)
        return .failed("\(executor.name): \(cause)")
    }

    private func stop(_ key: JobKey, on executor: any Executor) async {
        let outcome = await TimeLimit.run(startTimeout, clock: clock) { await executor.stop(key) }
        guard outcome == nil else { return }
        // Found and ended later, with everything else that runs for no live attempt.
        logger.warning(
            "an executor did not stop a builder in time", metadata: ["job": "\(key)", "executor": "\(executor.name)"])
    }
}
