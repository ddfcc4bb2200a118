import Domain
import Foundation
import Logging
import RegistryCore
import Runtime

/// Watches over running attempts: feeds what happens to each job's state machine, and does what it decides.
///
/// Any manager may watch any live attempt: whoever its agent talks to does. What a manager remembers of an attempt saves
/// questions; the database decides.
actor JobSupervisor {
    private struct Job {
        var machine: JobStateMachine
        let attempt: BuildAttempt
        /// Nil: not known yet, or none of this manager's.
        let executor: (any Executor)?

        var executorName: String { executor?.name ?? attempt.executor ?? "-" }
    }

    let attempts: BuildAttemptService
    private let logs: any BuildLogStore
    let orchestrator: any Orchestrator
    let clock: WallClock
    let timing: JobStateMachine.Timing
    let roster: ExecutorRoster
    private let metrics: BuildMetrics
    private let logger: Logger
    private var jobs: [JobKey: Job] = [:]
    private var adoptions: [JobKey: Task<Bool, any Error>] = [:]
    /// Who waits while the database is asked whether a builder is lost.
    private var verdicts: [JobKey: [CheckedContinuation<Void, Never>]] = [:]
    /// Attempts that are known to have ended: nothing comes back from that.
    var over = RecentJobs(limit: 10_000)
    private(set) var trustsRows = false
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

    /// The attempts that this manager watches.
    var running: [BuildAttempt] { jobs.values.map(\.attempt) }

    /// Whether this manager watches the attempt now.
    func runs(_ key: JobKey) -> Bool { jobs[key] != nil }

    /// Watched attempts whose moment has come: for when nobody else tells.
    var due: [JobKey] {
        let now = clock.now
        return jobs.filter { $0.value.machine.isDue(at: now) }.map(\.key)
    }

    /// Begins to watch over an attempt whose builder is about to be started.
    func begin(_ attempt: BuildAttempt, on executor: any Executor) async {
        let machine = JobStateMachine(
            launchedAt: clock.now, setup: executor.setupTime, deadline: attempt.deadline, timing: timing)
        await watch(attempt, on: executor, machine)
    }

    /// No executor started it, or this one didn't: nothing is to be watched.
    func abandon(_ key: JobKey) async {
        jobs[key] = nil
        await orchestrator.remove(key)
        wakeWhoWaits()
    }

    /// Whether the attempt is live. One that another manager watched so far is this manager's from now on: its builder talks
    /// to us. Errors: those of the database.
    func watches(_ key: JobKey) async throws -> Bool {
        if jobs[key] != nil { return true }
        if over.contains(key) { return false }
        // The streams of one agent come at the same time.
        if let adoption = adoptions[key] { return try await adoption.value }
        let adoption = Task { try await adopt(key) }
        adoptions[key] = adoption
        defer { adoptions[key] = nil }
        return try await adoption.value
    }

    private func adopt(_ key: JobKey) async throws -> Bool {
        guard let attempt = try await attempts.find(key) else { return false }
        guard attempt.isLive else {
            over.insert(key)
            return false
        }
        let (executor, machine) = resumed(attempt)
        guard try await attempts.adopt(attempt, until: machine.nextLook) else { return false }
        // Launched here in the meantime.
        if jobs[key] != nil { return true }
        await watch(attempt, on: executor, machine)
        logger.info(
            "goes on with a build whose builder came over",
            metadata: ["job": "\(key)", "from": "\(attempt.manager)"])
        return true
    }

    /// Goes on with an attempt whose manager is gone, unless another manager does already.
    func takeOver(_ attempt: BuildAttempt) async throws {
        guard jobs[attempt.key] == nil else { return }
        let (executor, machine) = resumed(attempt)
        guard try await attempts.takeOver(attempt, until: machine.nextLook), jobs[attempt.key] == nil else { return }
        await watch(attempt, on: executor, machine)
        logger.info(
            "took over a running build",
            metadata: [
                "job": "\(attempt.key)", "executor": "\(attempt.executor ?? "-")", "from": "\(attempt.manager)",
            ])
    }

    private func resumed(_ attempt: BuildAttempt) -> (executor: (any Executor)?, machine: JobStateMachine) {
        let executor = roster.named(attempt.executor)
        let setup = executor?.setupTime ?? roster.executors.map(\.setupTime).max() ?? timing.silence
        let machine = JobStateMachine(
            resumedAt: clock.now, wasRegistered: attempt.registeredAt != nil, setup: setup,
            deadline: attempt.deadline, timing: timing)
        return (executor, machine)
    }

    private func watch(
        _ attempt: BuildAttempt, on executor: (any Executor)?, _ machine: JobStateMachine
    ) async {
        jobs[attempt.key] = Job(machine: machine, attempt: attempt, executor: executor)
        await orchestrator.put(JobRecord(attempt, executor: executor?.name), expiresAt: machine.nextLook)
        if machine.hasRegistered { await executor?.builderHasRegistered(attempt.key) }
    }

    /// Something happened to a watched job. True when the builder may go on.
    ///
    /// Errors: those of the database, when what happened could not be stored; the builder may say it again.
    @discardableResult
    func handle(_ event: JobStateMachine.Event, of key: JobKey) async throws -> Bool {
        while verdicts[key] != nil { await withCheckedContinuation { verdicts[key]?.append($0) } }
        let wasRegistered = jobs[key]?.machine.hasRegistered ?? false
        guard let decision = jobs[key]?.machine.handle(event, at: clock.now), let job = jobs[key] else { return false }
        if !wasRegistered, job.machine.hasRegistered { await hasRegistered(job, here: event == .registered) }
        var isAccepted = decision.isAccepted
        for action in decision.actions {
            if case .expire(let outcome, let failure) = action {
                guard try await isLost(job, outcome, failure) == false else { return false }
                // Somebody has heard the builder: what happened is looked at once more, in that light.
                return try await handle(event, of: key)
            }
            isAccepted = try await perform(action, for: job) && isAccepted
        }
        if event == .registered, isAccepted { await job.executor?.builderHasRegistered(key) }
        return isAccepted
    }

    /// The builder says that it is alive. False when its attempt is over.
    func hear(from key: JobKey) async throws -> Bool {
        guard try await watches(key) else { return false }
        return try await handle(.heartbeat, of: key)
    }

    /// Stores the builder's lines. True once they are stored.
    func append(_ lines: [BuildLogLine], of key: JobKey) async throws -> Bool {
        guard try await watches(key), try await handle(.log, of: key), let job = jobs[key] else { return false }
        return try await logs.append(lines, to: job.attempt)
    }

    /// The builder reports a phase. True once it is stored.
    func report(_ phase: BuildPhase, facts: [String: String], of key: JobKey) async throws -> Bool {
        guard try await watches(key), let job = jobs[key] else { return false }
        // An error of the build system's own says nothing about the build: it is tried again.
        let isInternal =
            phase == .error ? try await attempts.lastErrorCode(of: job.attempt)?.isInternal ?? false : false
        guard try await handle(.phase(phase, isInternal: isInternal), of: key) else { return false }
        guard !facts.isEmpty, jobs[key] != nil else { return true }
        return try await attempts.report(phase, of: job.attempt, facts: facts)
    }

    /// Looks what others did to the attempts that this manager watches: what has ended is stopped, what moved to another
    /// manager is let go.
    func lookForChanges() async throws {
        guard !jobs.isEmpty else { return }
        // What begins to be watched while the database answers is not in its answer, and has not ended for that.
        let asked = running
        let rows = try await attempts.rows(of: asked)
        let found = Dictionary(rows.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        // All at once: a builder that is slow to stop holds up no other.
        await withDiscardingTaskGroup { group in
            for key in asked.map(\.key) {
                guard let row = found[key], row.isLive else {
                    group.addTask { await self.tell(.endedElsewhere, of: key) }
                    continue
                }
                if row.manager != attempts.manager { group.addTask { await self.tell(.takenOver, of: key) } }
            }
        }
    }

    /// Whether rows of attempts say how things are: not before this manager has seen them for a while, since whoever
    /// could not reach the database could not write down what it heard.
    func trustRows(_ isTrusted: Bool) { trustsRows = isTrusted }

    /// Ends what must not outlive this manager, and waits until every end is stored.
    func stop() async {
        for (key, job) in jobs where job.executor?.stopsWithManager == true {
            do { try await handle(.managerStops, of: key) } catch {
                logger.error("a build could not be given back", metadata: ["job": "\(key)", "error": "\(error)"])
            }
        }
    }

    private func perform(_ action: JobStateMachine.Action, for job: Job) async throws -> Bool {
        let key = job.attempt.key
        switch action {
        case .watch(let moment):
            await orchestrator.move(key, expiresAt: moment)
            return true
        case .holdLease(let moment): return try await unlessEnded(attempts.adopt(job.attempt, until: moment), key)
        case .renewLease: return try await unlessEnded(attempts.renew(job.attempt, heartbeat: clock.now), key)
        case .storePhase(let phase):
            guard try await unlessEnded(attempts.report(phase, of: job.attempt), key) else { return false }
            logger.info("build phase", metadata: ["job": "\(key)", "phase": "\(phase.rawValue)"])
            return true
        case .end(let outcome, let failure):
            return try await end(job, outcome, failure) { try await self.attempts.end($0, outcome, failure: failure) }
        case .giveBack: return try await end(job, .interrupted, nil) { try await self.attempts.giveUp($0) }
        case .expire: return false
        case .forget:
            logger.info("build was ended by somebody else", metadata: ["job": "\(key)"])
            await forget(job)
            return true
        case .letGo:
            logger.info("another manager goes on with a build", metadata: ["job": "\(key)"])
            jobs[key] = nil
            await roster.left(key.buildUUID, by: job.executorName)
            await orchestrator.release(key)
            wakeWhoWaits()
            return true
        }
    }

    private func unlessEnded(_ isLive: Bool, _ key: JobKey) async throws -> Bool {
        if !isLive { try await handle(.endedElsewhere, of: key) }
        return isLive
    }

    private func end(
        _ job: Job, _ outcome: AttemptOutcome, _ failure: BuildFailure?,
        _ store: (BuildAttempt) async throws -> Bool
    ) async throws -> Bool {
        let isFirst: Bool
        do { isFirst = try await store(job.attempt) } catch {
            try await failed(job, outcome, error)
            throw error
        }
        jobs[job.attempt.key]?.machine.endStored()
        if isFirst { await note(job, outcome, failure) }
        await forget(job)
        return isFirst
    }

    /// Asks the database whether the builder is lost; then the attempt has ended. What else happens to the job waits for it.
    private func isLost(_ job: Job, _ outcome: AttemptOutcome, _ failure: BuildFailure?) async throws -> Bool {
        let key = job.attempt.key
        verdicts[key] = []
        let expiry: BuildAttemptService.Expiry
        do { expiry = try await attempts.expire(job.attempt, outcome, failure: failure) } catch {
            pronounced(key)
            try await failed(job, outcome, error)
            throw error
        }
        if case .holds(let until) = expiry {
            _ = jobs[key]?.machine.handle(.leaseHolds(until: until), at: clock.now)
            pronounced(key)
            await orchestrator.move(key, expiresAt: until)
            return false
        }
        jobs[key]?.machine.endStored()
        pronounced(key)
        if expiry == .ended { await note(job, outcome, failure) }
        await forget(job)
        return true
    }

    private func pronounced(_ key: JobKey) {
        for waiting in verdicts.removeValue(forKey: key) ?? [] { waiting.resume() }
    }

    private func failed(_ job: Job, _ outcome: AttemptOutcome, _ error: any Error) async throws {
        logger.error(
            "the end of a build could not be stored",
            metadata: ["job": "\(job.attempt.key)", "outcome": "\(outcome.rawValue)", "error": "\(error)"])
        try await handle(.endNotStored, of: job.attempt.key)
    }

    private func hasRegistered(_ job: Job, here isHere: Bool) async {
        if isHere { metrics.registered(job.attempt, executor: job.executorName, at: clock.now) }
        await roster.registered(on: job.executorName)
    }

    private func note(_ job: Job, _ outcome: AttemptOutcome, _ failure: BuildFailure?) async {
        let wasRegistered = job.machine.hasRegistered
        note(job.attempt, outcome, failure, executor: job.executorName, wasRegistered: wasRegistered)
        guard !wasRegistered, outcome == .lost || outcome == .expired else { return }
        await roster.failed(
            .builder, job.attempt.key.buildUUID, on: job.executorName, because: failure?.cause ?? outcome.rawValue)
    }

    func note(
        _ attempt: BuildAttempt, _ outcome: AttemptOutcome, _ failure: BuildFailure?, executor: String,
        wasRegistered: Bool
    ) {
        metrics.ended(attempt, outcome, executor: executor, wasRegistered: wasRegistered, at: clock.now)
        logger.info(
            "build attempt ended",
            metadata: [
                "job": "\(attempt.key)", "outcome": "\(outcome.rawValue)", "cause": "\(failure?.cause ?? "-")",
            ])
    }

    private func forget(_ job: Job) async {
        let key = job.attempt.key
        over.insert(key)
        await roster.left(key.buildUUID, by: job.executorName)
        await stopBuilder(of: job)
        jobs[key] = nil
        await orchestrator.remove(key)
        wakeWhoWaits()
    }

    private func stopBuilder(of job: Job) async {
        if let executor = job.executor { return await executor.stop(job.attempt.key) }
        // Its builder registered here before the manager that started it had noted where.
        do {
            let name = try await attempts.find(job.attempt.key)?.executor
            await roster.named(name)?.stop(job.attempt.key)
        } catch {
            logger.error(
                "a builder could not be looked up", metadata: ["job": "\(job.attempt.key)", "error": "\(error)"])
        }
    }

    private func tell(_ event: JobStateMachine.Event, of key: JobKey) async {
        do { try await handle(event, of: key) } catch {
            // Already logged where it happened; the next look comes soon.
            logger.debug("an event could not be stored", metadata: ["job": "\(key)", "error": "\(error)"])
        }
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
