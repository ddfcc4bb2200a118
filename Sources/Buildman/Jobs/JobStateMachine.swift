import Domain
import Foundation

/// The life of one attempt as its manager sees it: events go in, decisions come out, nothing else happens here.
///
/// A manager may have been asleep, and its neighbour may have heard the builder: what it believes about silence is asked of
/// the database before it counts.
///
/// Source: Quay 6.7 and 6.8, with the product's rule that a started launch is never given back.
struct JobStateMachine: Sendable {
    /// How long a builder may be silent, and how often a sign of life is written down.
    struct Timing: Sendable {
        /// A longer silence is loss.
        var silence: Duration = .seconds(60)
        /// A lease is moved at most this often.
        var renewal: Duration = .seconds(15)
        /// After the store could not take the end of an attempt, the end is tried again.
        var retry: Duration = .seconds(2)
    }

    enum Event: Sendable, Hashable {
        /// The builder traded its registration token for the job.
        case registered
        case heartbeat
        /// The builder sent lines; a sign of life as well.
        case log
        /// The builder reports a phase.
        /// - Parameter isInternal: for `error`: the failure logged last is the build system's own.
        case phase(BuildPhase, isInternal: Bool = false)
        /// The moment came that was asked for with ``Action/watch(until:)``.
        case timerFired
        /// The builder's program or machine is gone.
        case executorEnded(String)
        /// Somebody else has ended the attempt in the database: cancelled, replaced.
        case endedElsewhere
        /// Another manager has heard the builder since, or goes on with it.
        case takenOver
        /// The database says that the builder was heard, or may still register: it may be silent until then.
        case leaseHolds(until: Date)
        /// The manager stops, and its builder with it.
        case managerStops
        /// The end that was decided could not be stored.
        case endNotStored
    }

    enum Action: Sendable, Hashable {
        /// Send ``Event/timerFired`` at that moment, and at no earlier one asked for before.
        case watch(until: Date)
        /// Write the lease down: the builder may be silent until then.
        case holdLease(until: Date)
        /// Move the lease in the database: the builder was heard now.
        case renewLease
        case storePhase(BuildPhase)
        /// Store the outcome; then stop the builder and forget the job.
        case end(AttemptOutcome, BuildFailure?)
        /// Store the outcome if the database agrees that the builder was not heard in time; else send
        /// ``Event/leaseHolds(until:)`` and what happened once more.
        case expire(AttemptOutcome, BuildFailure?)
        /// Give the build back, if it is still this manager's; then stop the builder and forget the job.
        case giveBack
        /// Stop the builder and forget the job: the outcome stands already.
        case forget
        /// Forget the job, and let its builder work.
        case letGo
    }

    struct Decision: Sendable, Hashable {
        /// What the builder is answered.
        var isAccepted: Bool
        var actions: [Action] = []

        static let refused = Decision(isAccepted: false)
    }

    private enum State: Sendable, Hashable {
        /// Started, and not registered yet.
        case launched
        case running
        /// An outcome is being stored, by this action.
        case ending(Action, isRegistered: Bool)
        case ended
    }

    private let timing: Timing
    /// Until when the builder must have registered.
    private var setupUntil: Date
    private let deadline: Date
    private var state: State
    /// Its builder has come: what happens from now on says nothing about the executor.
    private(set) var hasRegistered = false
    private var lastHeard: Date
    private var lastRenewal: Date?

    /// A job whose builder is being started.
    init(launchedAt now: Date, setup: Duration, deadline: Date, timing: Timing) {
        self.timing = timing
        self.setupUntil = now + setup
        self.deadline = deadline
        self.state = .launched
        self.lastHeard = now
    }

    /// A job that another manager launched: its builder gets a fresh time to be heard.
    init(resumedAt now: Date, wasRegistered: Bool, setup: Duration, deadline: Date, timing: Timing) {
        self.init(launchedAt: now, setup: wasRegistered ? .zero : setup, deadline: deadline, timing: timing)
        if wasRegistered { (state, hasRegistered) = (.running, true) }
    }

    var isOver: Bool { state == .ended }

    /// When to look next at whether the builder is lost.
    var nextLook: Date {
        switch state {
        case .launched: min(setupUntil, deadline)
        case .running, .ending, .ended: min(lastHeard + timing.silence, deadline)
        }
    }

    /// Something should be done now: the moment to look has come, or an end waits to be stored.
    func isDue(at now: Date) -> Bool {
        switch state {
        case .launched, .running: now >= nextLook
        case .ending: true
        case .ended: false
        }
    }

    mutating func handle(_ event: Event, at now: Date) -> Decision {
        switch (state, event) {
        case (.ended, _): return .refused
        case (_, .endedElsewhere):
            state = .ended
            return Decision(isAccepted: false, actions: [.forget])
        case (.ending(let action, let isRegistered), .endNotStored): return notStored(action, isRegistered, at: now)
        case (.ending(.expire, let isRegistered), .leaseHolds(let until)):
            state = isRegistered ? .running : .launched
            lastHeard = max(lastHeard, until.addingTimeInterval(-timing.silence.inSeconds))
            if !isRegistered { setupUntil = max(setupUntil, until) }
            return Decision(isAccepted: true, actions: [.watch(until: nextLook)])
        case (.ending(let action, _), .timerFired): return Decision(isAccepted: false, actions: [action])
        case (.ending, _), (_, .endNotStored), (_, .leaseHolds): return .refused
        case (_, .takenOver):
            // The streams of one builder may end at two managers: both hear it, and both keep it.
            guard now > lastHeard + timing.renewal else { return Decision(isAccepted: true) }
            state = .ended
            return Decision(isAccepted: false, actions: [.letGo])
        case (_, .managerStops): return end(.giveBack)
        case (_, .executorEnded(let how)):
            return end(.end(.lost, Self.failure("The builder ended before the build did: \(how)")))
        case (_, .timerFired): return timerFired(at: now)
        case (_, .registered):
            // Not yet a sign of life: until there is one, the same builder may register again.
            state = .running
            hasRegistered = true
            lastHeard = now
            return Decision(isAccepted: true, actions: [.watch(until: nextLook), .holdLease(until: nextLook)])
        case (_, .heartbeat), (_, .log): return alive(at: now)
        case (_, .phase(let phase, let isInternal)): return reported(phase, isInternal, at: now)
        }
    }

    /// The outcome has been stored.
    mutating func endStored() { state = .ended }

    private mutating func notStored(_ action: Action, _ isRegistered: Bool, at now: Date) -> Decision {
        // What was decided stays decided. The builder may report its own end again, and silence is judged again.
        switch action {
        case .end(.complete, _), .end(.error, _):
            state = .running
            lastHeard = now
        case .expire: state = isRegistered ? .running : .launched
        default: break
        }
        return Decision(isAccepted: false, actions: [.watch(until: now + timing.retry)])
    }

    /// Only who has registered speaks, with whichever manager: nobody else has a job token.
    private mutating func alive(at now: Date) -> Decision {
        if state == .launched {
            (state, hasRegistered) = (.running, true)
            lastHeard = now
        }
        guard now < deadline else { return end(.expire(.expired, Self.failure(Self.tooLong))) }
        // Somebody else may have judged by now that the builder is lost: it doesn't come back from that.
        guard now <= lastHeard + timing.silence else { return end(.expire(.lost, Self.failure(silent))) }
        return heard(at: now)
    }

    private mutating func heard(at now: Date) -> Decision {
        lastHeard = now
        var actions: [Action] = [.watch(until: nextLook)]
        if lastRenewal.map({ now >= $0 + timing.renewal }) ?? true {
            lastRenewal = now
            actions.append(.renewLease)
        }
        return Decision(isAccepted: true, actions: actions)
    }

    private mutating func reported(_ phase: BuildPhase, _ isInternal: Bool, at now: Date) -> Decision {
        let alive = alive(at: now)
        guard alive.isAccepted else { return alive }
        switch phase {
        case .unpacking, .pulling, .building, .pushing:
            return Decision(isAccepted: true, actions: alive.actions + [.storePhase(phase)])
        case .complete: return end(.end(.complete, nil), isAccepted: true)
        case .error: return end(.end(isInternal ? .lost : .error, nil), isAccepted: true)
        case .waiting, .scheduled, .internalError, .cancelled: return .refused
        }
    }

    private mutating func timerFired(at now: Date) -> Decision {
        guard now >= nextLook else { return Decision(isAccepted: true, actions: [.watch(until: nextLook)]) }
        let cause = now >= deadline ? Self.tooLong : state == .launched ? Self.neverRegistered : silent
        return end(.expire(.expired, Self.failure(cause)))
    }

    private mutating func end(_ action: Action, isAccepted: Bool = false) -> Decision {
        state = .ending(action, isRegistered: state == .running)
        return Decision(isAccepted: isAccepted, actions: [action])
    }

    private static func failure(_ cause: String) -> BuildFailure { BuildFailure(.internalError, cause) }

    /// Why an attempt that nobody here watched is over.
    static func cause(ofExpiry attempt: BuildAttempt, silence: Duration, at now: Date) -> BuildFailure {
        failure(now >= attempt.deadline ? tooLong : attempt.registeredAt == nil ? neverRegistered : silent(silence))
    }

    private var silent: String { Self.silent(timing.silence) }
    private static let neverRegistered = "The builder did not register in time."
    private static let tooLong = "The build took longer than it may."
    private static func silent(_ silence: Duration) -> String {
        "The builder was not heard for \(Int(silence.inSeconds)) seconds."
    }
}

extension Date {
    static func + (date: Date, duration: Duration) -> Date { date.addingTimeInterval(duration.inSeconds) }
}

extension Duration {
    var inSeconds: TimeInterval {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
