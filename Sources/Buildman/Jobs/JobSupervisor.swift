import Domain
import Foundation
import Logging
import RegistryCore
import Runtime

/// Watches over every running attempt of this manager: feeds what happens to each job's state machine, and does what it
/// decides.
actor JobSupervisor {
    private struct Job {
        var machine: JobStateMachine
        let attempt: BuildAttempt
        let executor: any Executor
    }

    private let attempts: BuildAttemptService
    private let logs: any BuildLogStore
    private let orchestrator: any Orchestrator
    private let clock: WallClock
    private let timing: JobStateMachine.Timing
    private let roster: ExecutorRoster
    private let metrics: BuildMetrics
    private let logger: Logger
    private var jobs: [JobKey: Job] = [:]
    private var idle: [CheckedContinuation<Void, Never>] = []

    init(
        attempts: BuildAttemptService, logs: any BuildLogStore, orchestrator: any Orchestrator, clock: WallClock,
        timing: JobStateMachine.Timing, roster: ExecutorRoster, metrics: BuildMetrics, logger: Logger
    ) {
        self.attempts = attempts
        self.logs = logs
        self.orchestrator = orchestrator
        self.clock = clock
        self.timing = timing
        self.roster = roster
        self.metrics = metrics
        self.logger = logger
    }

    /// The attempts that this manager runs.
    var running: [BuildAttempt] { jobs.values.map(\.attempt) }

    /// Whether this manager runs the attempt.
    func runs(_ key: JobKey) -> Bool { jobs[key] != nil }

    /// Begins to watch over an attempt whose builder is about to be started.
    func begin(_ attempt: BuildAttempt, on executor: any Executor) async throws {
        let machine = JobStateMachine(
            launchedAt: clock.now, setup: executor.setupTime, deadline: attempt.deadline, timing: timing)
        try await watch(attempt, on: executor, executionID: "", machine)
    }

    /// Goes on with an attempt that an earlier manager left running.
    func resume(_ attempt: BuildAttempt, on executor: any Executor) async throws {
        let machine = JobStateMachine(
            resumedAt: clock.now, wasRegistered: attempt.registeredAt != nil, setup: executor.setupTime,
            deadline: attempt.deadline, timing: timing)
        try await watch(attempt, on: executor, executionID: attempt.executionID ?? "", machine)
        if attempt.registeredAt != nil { await executor.builderHasRegistered(attempt.key) }
        logger.info("took over a running build", metadata: ["job": "\(attempt.key)", "executor": "\(executor.name)"])
    }

    private func watch(
        _ attempt: BuildAttempt, on executor: any Executor, executionID: String, _ machine: JobStateMachine
    ) async throws {
        jobs[attempt.key] = Job(machine: machine, attempt: attempt, executor: executor)
        try await orchestrator.put(
            JobRecord(key: attempt.key, executor: executor.name, executionID: executionID),
            expiresAt: machine.nextLook)
    }

    /// No executor started it, or this one didn't: nothing is to be watched.
    func abandon(_ key: JobKey) async throws {
        jobs[key] = nil
        try await orchestrator.remove(key)
        wakeWhoWaits()
    }

    /// Something happened to a job. True when the builder may go on.
    ///
    /// Errors: those of the database, when what happened could not be stored; the builder may say it again.
    @discardableResult
    func handle(_ event: JobStateMachine.Event, of key: JobKey) async throws -> Bool {
        let wasRegistered = jobs[key]?.machine.hasRegistered ?? false
        guard let decision = jobs[key]?.machine.handle(event, at: clock.now), let job = jobs[key] else { return false }
        if !wasRegistered, job.machine.hasRegistered {
            metrics.registered(job.attempt, executor: job.executor.name, at: clock.now)
            await roster.registered(on: job.executor.name)
        }
        var isAccepted = decision.isAccepted
        for action in decision.actions {
            isAccepted = try await perform(action, for: job) && isAccepted
        }
        if event == .registered, isAccepted { await job.executor.builderHasRegistered(key) }
        return isAccepted
    }

    /// Stores the builder's lines. True once they are stored.
    func append(_ lines: [BuildLogLine], of key: JobKey) async throws -> Bool {
        guard try await handle(.log, of: key), let job = jobs[key] else { return false }
        return try await logs.append(lines, to: job.attempt)
    }

    /// The builder reports a phase. True once it is stored.
    func report(_ phase: BuildPhase, facts: [String: String], of key: JobKey) async throws -> Bool {
        guard let job = jobs[key] else { return false }
        // An error of the build system's own says nothing about the build: it is tried again.
        let isInternal =
            phase == .error ? try await attempts.lastErrorCode(of: job.attempt)?.isInternal ?? false : false
        guard try await handle(.phase(phase, isInternal: isInternal), of: key) else { return false }
        guard !facts.isEmpty, jobs[key] != nil else { return true }
        return try await attempts.report(phase, of: job.attempt, facts: facts)
    }

    /// Looks for attempts that somebody else has ended, and stops their builders.
    func forgetEndedElsewhere() async throws {
        for attempt in try await attempts.ended(among: running) {
            try await handle(.endedElsewhere, of: attempt.key)
        }
    }

    /// Ends what must not outlive this manager, and waits until every end is stored.
    func stop() async {
        for (key, job) in jobs where job.executor.stopsWithManager {
            do { try await handle(.managerStops, of: key) } catch {
                logger.error("a build could not be given back", metadata: ["job": "\(key)", "error": "\(error)"])
            }
        }
    }

    private func perform(_ action: JobStateMachine.Action, for job: Job) async throws -> Bool {
        let key = job.attempt.key
        switch action {
        case .watch(let moment):
            try await orchestrator.move(key, expiresAt: moment)
            return true
        case .renewLease:
            guard try await attempts.renew(job.attempt, heartbeat: clock.now) else {
                try await handle(.endedElsewhere, of: key)
                return false
            }
            return true
        case .storePhase(let phase):
            guard try await attempts.report(phase, of: job.attempt) else {
                try await handle(.endedElsewhere, of: key)
                return false
            }
            logger.info("build phase", metadata: ["job": "\(key)", "phase": "\(phase.rawValue)"])
            return true
        case .end(let outcome, let failure):
            return try await end(job, outcome, failure)
        case .forget:
            logger.info("build was ended by somebody else", metadata: ["job": "\(key)"])
            await forget(job)
            return true
        }
    }

    private func end(_ job: Job, _ outcome: AttemptOutcome, _ failure: BuildFailure?) async throws -> Bool {
        let key = job.attempt.key
        let isFirst: Bool
        do { isFirst = try await attempts.end(job.attempt, outcome, failure: failure) } catch {
            logger.error(
                "the end of a build could not be stored",
                metadata: ["job": "\(key)", "outcome": "\(outcome.rawValue)", "error": "\(error)"])
            try await handle(.endNotStored, of: key)
            throw error
        }
        jobs[key]?.machine.endStored()
        if isFirst {
            let wasRegistered = job.machine.hasRegistered
            metrics.ended(
                job.attempt, outcome, executor: job.executor.name, wasRegistered: wasRegistered, at: clock.now)
            if !wasRegistered, outcome == .lost || outcome == .expired {
                await roster.failed(
                    .builder, key.buildUUID, on: job.executor.name, because: failure?.cause ?? outcome.rawValue)
            }
            logger.info(
                "build attempt ended",
                metadata: ["job": "\(key)", "outcome": "\(outcome.rawValue)", "cause": "\(failure?.cause ?? "-")"])
        }
        await forget(job)
        return isFirst
    }

    private func forget(_ job: Job) async {
        let key = job.attempt.key
        await roster.left(key.buildUUID, by: job.executor.name)
        await job.executor.stop(key)
        jobs[key] = nil
        do { try await orchestrator.remove(key) } catch {
            logger.warning("the orchestrator kept a job", metadata: ["job": "\(key)", "error": "\(error)"])
        }
        wakeWhoWaits()
    }

    /// Returns once no job is left: for tests, and for a stop that waits.
    func untilIdle() async {
        if jobs.isEmpty { return }
        await withCheckedContinuation { idle.append($0) }
    }

    private func wakeWhoWaits() {
        guard jobs.isEmpty else { return }
        for continuation in idle { continuation.resume() }
        idle = []
    }
}
