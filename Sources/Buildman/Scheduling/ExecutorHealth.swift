import Domain
import Foundation

/// Whether one executor starts builders as it should: events go in, and what may be asked of it comes out.
///
/// An executor that fails some times in a row is paused, longer each time; then one build finds out whether it works
/// again. What a build does once its builder has registered says nothing about the executor.
struct ExecutorHealth: Sendable {
    struct Policy: Sendable, Hashable {
        /// EXECUTOR_FAILURE_THRESHOLD. One failure alone pauses nothing: a node may break under a builder at any time.
        var failureThreshold = 2
        /// EXECUTOR_PAUSE, doubled with each probe that fails, up to EXECUTOR_MAXIMUM_PAUSE.
        var pause: Duration = .seconds(5)
        var maximumPause: Duration = .seconds(60)
    }

    /// What failed. Each kind is counted for itself, and ends with its own opposite.
    enum Failure: Sendable, Hashable {
        /// The start call failed, or took too long. Opposite: one that works.
        case start
        /// A builder that was started ended, or kept silent for the setup time, without registering: a bad image, a
        /// network without a way to this manager. Opposite: one that registers.
        case builder
    }

    enum Availability: Sendable, Hashable {
        case ready
        case paused(until: Date)
        /// The pause is over: the next build tries.
        case due
        /// A build tries, and has an answer by then.
        case probed(until: Date)
    }

    private enum State: Sendable, Hashable {
        case well
        case paused(until: Date, Failure)
        case probed(build: String, until: Date, Failure)
    }

    private let policy: Policy
    private var state = State.well
    private var failures: [Failure: Int] = [:]
    private var pauses = 0

    init(_ policy: Policy) { self.policy = policy }

    var isWell: Bool { state == .well }

    func availability(at now: Date) -> Availability {
        switch state {
        case .well: .ready
        case .paused(let until, _): now < until ? .paused(until: until) : .due
        case .probed(_, let until, _): now < until ? .probed(until: until) : .due
        }
    }

    /// A build, by its uuid, is given to the executor. Whoever comes when the pause is over makes the probe.
    /// - Parameter patience: after that long the next one may probe, whatever became of this one.
    mutating func takes(_ build: String, at now: Date, patience: Duration) {
        let failure: Failure
        switch state {
        case .well: return
        case .paused(_, let cause), .probed(_, _, let cause): failure = cause
        }
        guard availability(at: now) == .due else { return }
        state = .probed(build: build, until: now + patience, failure)
    }

    /// A start call has worked.
    mutating func started(_ build: String) {
        failures[.start] = nil
        if case .probed(build, _, .start) = state { recover() }
    }

    /// A builder has registered, whichever: it works.
    mutating func registered() { recover() }

    mutating func failed(_ failure: Failure, _ build: String, at now: Date) {
        switch state {
        case .well:
            failures[failure, default: 0] += 1
            if failures[failure, default: 0] >= policy.failureThreshold { pause(failure, at: now) }
        case .probed(build, _, _): pause(failure, at: now)
        // Old news: builders from before the pause.
        case .probed, .paused: break
        }
    }

    /// The build is over without saying anything about the executor, such as when it was cancelled before it registered.
    mutating func left(_ build: String, at now: Date) {
        if case .probed(build, _, let failure) = state { state = .paused(until: now, failure) }
    }

    private mutating func pause(_ failure: Failure, at now: Date) {
        let longest = policy.maximumPause.inSeconds
        let seconds = min(policy.pause.inSeconds * pow(2, Double(min(pauses, 30))), longest)
        pauses += 1
        state = .paused(until: now.addingTimeInterval(seconds), failure)
    }

    private mutating func recover() {
        state = .well
        failures = [:]
        pauses = 0
    }
}
