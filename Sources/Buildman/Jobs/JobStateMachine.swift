import Domain
import Foundation

/// The life of one attempt as its manager sees it: events go in, decisions come out, nothing else happens here.
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
        /// Somebody else has ended the attempt in the database: cancelled, taken over.
        case endedElsewhere
        /// The manager stops, and its builder with it.
        case managerStops
        /// The end that was decided could not be stored.
        case endNotStored
    }

    enum Action: Sendable, Hashable {
        /// Send ``Event/timerFired`` at that moment, and at no earlier one asked for before.
        case watch(until: Date)
        /// Move the lease in the database: the builder was heard now.
        case renewLease
        case storePhase(BuildPhase)
        /// Store the outcome; then stop the builder and forget the job.
        case end(AttemptOutcome, BuildFailure?)
        /// Stop the builder and forget the job: the outcome stands already.
        case forget
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
        /// An outcome is being stored.
        case ending(BuildFailure?, AttemptOutcome)
        case ended
    }

    private let timing: Timing
    /// Until when the builder must have registered.
    private let setupUntil: Date
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

    /// A job that an earlier manager left running: its builder gets a fresh time to be heard.
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

    mutating func handle(_ event: Event, at now: Date) -> Decision {
        switch (state, event) {
        case (.ended, _): return .refused
        case (_, .endedElsewhere):
            state = .ended
            return Decision(isAccepted: false, actions: [.forget])
        case (.ending(_, let outcome), .endNotStored):
            // What was decided stays decided, except that the builder may report its own end again.
            state = outcome == .complete || outcome == .error ? .running : state
            lastHeard = now
            return Decision(isAccepted: false, actions: [.watch(until: now + timing.retry)])
        case (.ending(let failure, let outcome), .timerFired):
            return Decision(isAccepted: false, actions: [.end(outcome, failure)])
        case (.ending, _), (_, .endNotStored): return .refused
        case (_, .managerStops): return end(.interrupted)
        case (_, .executorEnded(let how)): return end(.lost, "The builder ended before the build did: \(how)")
        case (_, .timerFired): return timerFired(at: now)
        case (.launched, .registered), (.running, .registered):
            // Not yet a sign of life: until there is one, the same builder may register again.
            state = .running
            hasRegistered = true
            lastHeard = now
            return Decision(isAccepted: true, actions: [.watch(until: nextLook)])
        case (.launched, _):
            // Nobody has a job token before having registered.
            return .refused
        case (.running, .heartbeat), (.running, .log): return alive(at: now)
        case (.running, .phase(let phase, let isInternal)): return reported(phase, isInternal, at: now)
        }
    }

    /// The outcome has been stored.
    mutating func endStored() { state = .ended }

    private mutating func alive(at now: Date) -> Decision {
        guard now < deadline else { return end(.expired, tooLong) }
        // Somebody else may have judged by now that the builder is lost: it doesn't come back from that.
        guard now <= lastHeard + timing.silence else { return end(.lost, silent) }
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
        case .complete: return end(.complete, isAccepted: true)
        case .error: return end(isInternal ? .lost : .error, isAccepted: true)
        case .waiting, .scheduled, .internalError, .cancelled: return .refused
        }
    }

    private mutating func timerFired(at now: Date) -> Decision {
        guard now >= nextLook else { return Decision(isAccepted: true, actions: [.watch(until: nextLook)]) }
        if now >= deadline { return end(.expired, tooLong) }
        return end(.expired, state == .launched ? "The builder did not register in time." : silent)
    }

    private mutating func end(
        _ outcome: AttemptOutcome, _ cause: String? = nil, isAccepted: Bool = false
    ) -> Decision {
        let failure = cause.map { BuildFailure(.internalError, $0) }
        state = .ending(failure, outcome)
        return Decision(isAccepted: isAccepted, actions: [.end(outcome, failure)])
    }

    private var silent: String { "The builder was not heard for \(Int(timing.silence.inSeconds)) seconds." }
    private var tooLong: String { "The build took longer than it may." }
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
