package import Domain
package import Foundation
import Runtime
import SQL

/// What a manager does with the launches of builds. Each function is one transaction; whoever ends an attempt first has
/// decided its outcome, and everything that hangs on it (phase, queue item, token) changes in the same transaction.
package struct BuildAttemptService: Sendable {
    /// The times of Quay 6.3 that the configuration may change.
    package struct Timing: Sendable {
        /// How long a claim lasts before the builder has registered.
        package var reservation: Duration = .seconds(530)
        /// How far each sign of life moves the claim on the queue item.
        package var perHeartbeat: Duration = .seconds(300)
        /// A builder that is silent for longer is lost.
        package var silence: Duration = .seconds(60)
        /// How much longer than that a lease lasts. Signs of life are written down now and then only: this is longer than
        /// the time between two of them. The same for all managers.
        package var leaseMargin: Duration = .seconds(25)
        /// How far the clocks of managers may differ: who never heard a builder itself waits so much longer.
        package var clockTolerance: Duration = .seconds(10)
        /// How long an attempt may last in all (MACHINE_MAX_TIME).
        package var maximum: Duration = .seconds(7200)
        /// When a build whose attempt was lost is tried again.
        package var retryDelay: Duration = .seconds(30)
        /// When a build that no executor started is tried again.
        package var startDelay: Duration = .seconds(20)

        package init() {}
    }

    /// A build that is this manager's to launch.
    package struct Job: Sendable {
        package let build: Build
        package let repository: Repository
        package let attempt: BuildAttempt
        /// Launches that are left after this one.
        package let retriesRemaining: Int
        /// Since when it has waited for this launch: its request, or the moment at which it was to be tried again.
        package let waitingSince: Date
        /// An attempt whose claim had run out, which this one replaces; its builder must be stopped.
        package let superseded: BuildAttempt?
    }

    package enum Claim: Sendable {
        case job(Job)
        /// An item that held nothing to build has been taken away; there may be more.
        case nothingToBuild
        /// As many attempts are live as may be.
        case full
        /// Nothing waits, except for what becomes claimable at that moment.
        case empty(next: Date?)
        /// Something waits, and nothing of it is admitted; more becomes claimable at that moment.
        case held(next: Date?)
    }

    /// Whether any executor may be asked to start a build of that namespace with so many launches left after this one.
    package typealias Admission = @Sendable (_ namespace: String, _ retriesRemaining: Int) -> Bool

    let database: any Database
    let clock: WallClock
    private let identifiers: Identifiers
    package let timing: Timing
    /// This manager, as the attempts show it: the text of a ``ManagerIdentity``.
    package let manager: String

    package init(_ platform: Platform, timing: Timing, manager: String) {
        self.database = platform.database
        self.clock = platform.clock
        self.identifiers = platform.identifiers
        self.timing = timing
        self.manager = manager
    }

    /// Takes the next build and begins an attempt of it, unless `capacity` attempts are live already, anywhere.
    /// - Parameter admits: builds that it refuses stay in the queue, with all their launches.
    package func claimNext(
        capacity: Int, admitting admits: @escaping Admission = { _, _ in true }
    ) async throws -> Claim {
        let (stateID, now) = (identifiers.uuid(), clock.now)
        // Most wake-ups find nothing to do, and those must cost no writer its turn.
        let found = try await database.read { try obstacle(capacity, admits, at: now, in: $0) }
        if let found {
            if case .empty = found { QueueCounters.got(.dockerfileBuild, .nonexistent) }
            return found
        }
        return try await database.write { transaction in
            // An attempt that is live holds a slot: counting and claiming are one transaction.
            guard try BuildAttemptStore.liveCount(in: transaction) < capacity else { return .full }
            let item = try WorkQueue.claim(
                .dockerfileBuild, for: timing.reservation, order: .fairShare, at: now, stateID: stateID,
                admitting: { admits($0.lane, $0.retriesRemaining - 1) }, in: transaction)
            guard let item else {
                // Somebody else was faster.
                return try obstacle(capacity, admits, at: now, in: transaction) ?? .empty(next: nil)
            }
            guard let body = QueueBody(item.body),
                let build = try BuildStore.find(uuid: body.buildUUID, in: transaction),
                !build.phase.isFinal, build.queueItemID == item.id,
                let repository = try RepositoryStore.find(id: build.repositoryID, in: transaction)
            else {
                try WorkQueue.complete(item.claim, in: transaction)
                return .nothingToBuild
            }
            let superseded = try supersede(build, at: now, in: transaction)
            let attempt = try BuildAttemptStore.begin(
                buildID: build.id, claim: item.claim, manager: manager, at: now,
                leaseUntil: now.addingTimeInterval(timing.reservation.seconds),
                deadline: now.addingTimeInterval(timing.maximum.seconds), in: transaction)
            return .job(
                Job(
                    build: build, repository: repository, attempt: attempt, retriesRemaining: item.retriesRemaining,
                    waitingSince: isFirstLaunch(item) ? build.startedAt : item.availableAfter, superseded: superseded))
        }
    }

    /// Begins a new attempt in place of one that its executor failed to start, under the same claim. Whatever that
    /// executor may have started after all speaks for an attempt that is over. Nil when the old one had ended already.
    package func replace(_ attempt: BuildAttempt) async throws -> BuildAttempt? {
        let now = clock.now
        return try await database.write { transaction in
            guard try BuildAttemptStore.end(attempt.id, .notStarted, at: now, in: transaction) else { return nil }
            try DelegateTokenStore.revoke(attemptID: attempt.id, at: now, in: transaction)
            return try BuildAttemptStore.begin(
                buildID: attempt.buildID, claim: attempt.claim, manager: manager, at: now,
                leaseUntil: now.addingTimeInterval(timing.reservation.seconds),
                deadline: now.addingTimeInterval(timing.maximum.seconds), in: transaction)
        }
    }

    /// Why nothing can be claimed now; nil when something can.
    private func obstacle(
        _ capacity: Int, _ admits: Admission, at now: Date, in transaction: any Transaction
    ) throws -> Claim? {
        guard try BuildAttemptStore.liveCount(in: transaction) < capacity else { return .full }
        var isHeld = false
        let candidates = try WorkQueue.candidates(
            .dockerfileBuild, ClaimRule(at: now, order: .fairShare),
            { item in
                let isAdmitted = admits(item.lane, item.retriesRemaining - 1)
                if !isAdmitted { isHeld = true }
                return isAdmitted
            }, in: transaction)
        guard candidates.isEmpty else { return nil }
        let next = try WorkQueue.nextAvailability(of: .dockerfileBuild, after: now, in: transaction)
        return isHeld ? .held(next: next) : .empty(next: next)
    }

    private func isFirstLaunch(_ item: QueueItem) -> Bool {
        item.retriesRemaining == BuildService.maximumLaunches - 1
    }

    /// Notes which executor started the attempt. False when it has ended meanwhile: then its builder must be stopped.
    /// - Parameter reservation: until when the builder must have registered, plus some leeway.
    package func started(
        _ attempt: BuildAttempt, executor: String, executionID: String, reservation: Duration
    ) async throws -> Bool {
        let now = clock.now
        let until = now.addingTimeInterval(reservation.seconds)
        return try await database.write { transaction in
            guard
                try BuildAttemptStore.setExecution(
                    of: attempt.id, executor: executor, executionID: executionID, at: now, in: transaction)
            else { return false }
            _ = try WorkQueue.extend(attempt.claim, until: until, in: transaction)
            try BuildAttemptStore.awaitRegistration(of: attempt.id, leaseUntil: until, in: transaction)
            // A quick builder may have reported a phase before its executor came back.
            let phase = try BuildStore.find(id: attempt.buildID, in: transaction)?.phase
            if phase == .waiting || phase == .internalError {
                try move(attempt, to: .scheduled, at: now, in: transaction)
            }
            return true
        }
    }

    /// Moves the build to a phase that its builder reports and that ends nothing. False when the attempt has ended.
    package func report(
        _ phase: BuildPhase, of attempt: BuildAttempt, facts: [String: String] = [:]
    ) async throws -> Bool {
        let (eventID, now) = (identifiers.uuid(), clock.now)
        return try await database.write { transaction in
            guard try BuildAttemptStore.isLive(attempt.id, in: transaction) else { return false }
            try BuildAttemptStore.note(phase, ofAttempt: attempt.id, at: now, in: transaction)
            try BuildEvents.started(attempt, uuid: eventID, at: now, in: transaction)
            try move(attempt, to: phase, facts: facts, at: now, in: transaction)
            return true
        }
    }

    /// Ends the attempt, if nobody has before: only the first caller gets true.
    /// - Parameter failure: what goes into the log before the phase changes.
    package func end(
        _ attempt: BuildAttempt, _ outcome: AttemptOutcome, failure: BuildFailure? = nil
    ) async throws -> Bool {
        try await end(attempt, outcome, failure: failure) { _, _ in true }.isFirst
    }

    /// Ends the attempt if `condition` holds for its row as it is now; answers that row, and whether this call ended it.
    func end(
        _ attempt: BuildAttempt, _ outcome: AttemptOutcome, failure: BuildFailure?,
        if condition: @escaping @Sendable (_ row: BuildAttempt, _ now: Date) -> Bool
    ) async throws -> (row: BuildAttempt?, isFirst: Bool) {
        let stateID = identifiers.uuid()
        let (eventIDs, now) = ((start: identifiers.uuid(), end: identifiers.uuid()), clock.now)
        return try await database.write { transaction in
            guard let row = try BuildAttemptStore.find(id: attempt.id, in: transaction) else { return (nil, false) }
            guard row.isLive, condition(row, now) else { return (row, false) }
            var cause = failure.map(BuildFailureNote.init)
            // What the builder said of its failure stands in the log already.
            if outcome == .error || outcome == .lost, cause == nil {
                cause = try BuildLogEntryStore.lastFailure(
                    ofBuild: attempt.buildID, attempt: attempt.key.attempt, in: transaction)
            }
            guard try BuildAttemptStore.end(attempt.id, outcome, because: cause, at: now, in: transaction) else {
                return (row, false)
            }
            try DelegateTokenStore.revoke(attemptID: attempt.id, at: now, in: transaction)
            if let failure { try log(.failure(failure, at: now), of: attempt, in: transaction) }
            try settle(attempt, outcome, stateID: stateID, at: now, in: transaction)
            let isOver =
                try outcome.phase.isFinal || !WorkQueue.hasRetriesLeft(attempt.claim.itemID, in: transaction)
            if isOver, outcome.phase == .internalError {
                try log(.failure(Self.launchesUsedUp, at: now), of: attempt, in: transaction)
                cause = BuildFailureNote(Self.launchesUsedUp)
            }
            try move(attempt, to: outcome.phase, endedAt: isOver ? now : nil, cause: cause, at: now, in: transaction)
            guard isOver else { return (row, true) }
            if outcome == .complete {
                try BuildEvents.started(attempt, uuid: eventIDs.start, at: now, in: transaction)
            }
            try BuildEvents.ended(attempt, outcome, cause, uuid: eventIDs.end, at: now, in: transaction)
            return (row, true)
        }
    }

    /// Ends an attempt that no executor started: its launch doesn't count, and the build's log says why, once.
    package func giveBack(_ attempt: BuildAttempt, because cause: String) async throws {
        let text = "No builder could be started: \(cause)"
        let (stateID, now) = (identifiers.uuid(), clock.now)
        try await database.write { transaction in
            let note = BuildFailureNote(code: nil, text: text)
            guard try BuildAttemptStore.end(attempt.id, .notStarted, because: note, at: now, in: transaction) else {
                return
            }
            try DelegateTokenStore.revoke(attemptID: attempt.id, at: now, in: transaction)
            try settle(attempt, .notStarted, stateID: stateID, at: now, in: transaction)
            try move(attempt, to: .waiting, at: now, in: transaction)
            guard try BuildLogEntryStore.lastOutput(ofBuild: attempt.buildID, in: transaction) != text else { return }
            try log(.output(text, at: now), of: attempt, in: transaction)
        }
    }

    /// The attempt of that name with its build; nil when there is none.
    package func find(_ key: JobKey) async throws -> BuildAttempt? {
        try await database.read { try BuildAttemptStore.find(key, in: $0) }
    }

    /// How the attempt of that name ended; nil while it is live, and when there is none.
    package func outcome(of key: JobKey) async throws -> AttemptOutcome? {
        try await database.read { try BuildAttemptStore.outcome(of: key, in: $0) }
    }

    /// The failure that an attempt has logged last.
    package func lastErrorCode(of attempt: BuildAttempt) async throws -> BuildFailureCode? {
        try await database.read {
            try BuildLogEntryStore.lastFailure(ofBuild: attempt.buildID, attempt: attempt.key.attempt, in: $0)?.code
        }
    }

    private static let launchesUsedUp = BuildFailure(
        .internalError, "The build was launched \(BuildService.maximumLaunches) times and never came to an end.")

    private static let takenOver = BuildFailure(
        .internalError, "Its manager was not heard any more, and another one took the build over.")

    /// What an outcome means for the build's place in the queue.
    private func settle(
        _ attempt: BuildAttempt, _ outcome: AttemptOutcome, stateID: String, at now: Date,
        in transaction: any Transaction
    ) throws {
        switch outcome.queueAction {
        case .leave: break
        case .complete: try WorkQueue.complete(attempt.claim, in: transaction)
        case .tryAgain(let restoringRetry):
            let delay = restoringRetry ? timing.startDelay : timing.retryDelay
            let isReturned = try WorkQueue.incomplete(
                attempt.claim, availableAfter: now.addingTimeInterval(delay.seconds),
                restoringRetry: restoringRetry, stateID: stateID, in: transaction)
            // Without a launch left nobody will ever claim it again.
            if isReturned, try !WorkQueue.hasRetriesLeft(attempt.claim.itemID, in: transaction) {
                try WorkQueue.remove(attempt.claim.itemID, in: transaction)
            }
        }
    }

    private func supersede(_ build: Build, at now: Date, in transaction: any Transaction) throws -> BuildAttempt? {
        guard let old = try BuildAttemptStore.live(ofBuild: build.id, in: transaction) else { return nil }
        _ = try BuildAttemptStore.end(
            old.id, .superseded, because: BuildFailureNote(Self.takenOver), at: now, in: transaction)
        try DelegateTokenStore.revoke(attemptID: old.id, at: now, in: transaction)
        return old
    }

    private func move(
        _ attempt: BuildAttempt, to phase: BuildPhase, facts: [String: String] = [:], endedAt: Date? = nil,
        cause: BuildFailureNote? = nil, at now: Date, in transaction: any Transaction
    ) throws {
        let current = try BuildStore.find(id: attempt.buildID, in: transaction)?.phase
        // Repeated phases do no harm, and fill no log; the base image that comes with a repetition is news.
        guard current != phase || !facts.isEmpty || endedAt != nil else { return }
        try BuildStore.setPhase(
            phase, of: attempt.buildID, endedAt: endedAt, errorCode: cause?.code?.rawValue, in: transaction)
        try log(.phase(phase, at: now, facts: facts), of: attempt, in: transaction)
        try transaction.notify(.builds)
    }

    private func log(_ entry: BuildLogEntry, of attempt: BuildAttempt, in transaction: any Transaction) throws {
        try BuildLogEntryStore.append(
            entry, toBuild: attempt.buildID, attempt: attempt.key.attempt, in: transaction)
        try transaction.notify(.buildLogs)
    }
}
