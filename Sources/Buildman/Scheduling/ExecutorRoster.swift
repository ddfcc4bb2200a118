import Domain
import Foundation
import Logging
import RegistryCore
import Runtime

/// The executors in their configured order, with what is known of their health: decides which one a build is given to,
/// and says why in a line of the log and in metrics.
///
/// Known to this process only: after a start, all are taken for well.
actor ExecutorRoster {
    /// An executor that a build was not given to.
    struct PassedOver: Sendable, Hashable {
        let executor: String
        let verdict: ExecutorSelection.Verdict
    }

    /// Which executor a build is given to.
    struct Choice: Sendable {
        let executor: any Executor
        /// Its place in the list.
        let position: Int
    }

    /// Which builds some executor may be asked for at one moment.
    struct Admission: Sendable {
        fileprivate let executors: [(rule: ExecutorSelection.Rule, health: ExecutorHealth.Availability)]
        /// When an executor that may not be asked now may be asked again; nil when there is none.
        let nextChange: Date?

        /// Whether any executor takes anything at all.
        var isOpen: Bool { executors.contains { $0.health == .ready || $0.health == .due } }

        func admits(_ namespace: String, _ retriesRemaining: Int) -> Bool {
            // What an older version queued names no namespace here: such a build is judged once it is claimed.
            guard let namespace = try? Username(namespace) else { return isOpen }
            return executors.contains {
                ExecutorSelection.verdict(
                    $0.rule, $0.health, namespace: namespace, retriesRemaining: retriesRemaining) == .eligible
            }
        }
    }

    nonisolated let executors: [any Executor]
    /// An executor may be asked again: whoever waits for one looks again. One consumer.
    nonisolated let recoveries: AsyncStream<Void>
    private let recovered: AsyncStream<Void>.Continuation
    private var health: [String: ExecutorHealth]
    private let clock: WallClock
    private let metrics: BuildMetrics
    private let logger: Logger

    init(
        _ executors: [any Executor], policy: ExecutorHealth.Policy, clock: WallClock, metrics: BuildMetrics,
        logger: Logger
    ) {
        self.executors = executors
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
        (recoveries, recovered) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        health = Dictionary(
            executors.map { ($0.name, ExecutorHealth(policy)) }, uniquingKeysWith: { first, _ in first })
        for executor in executors { metrics.introduce(executor.name) }
    }

    deinit { recovered.finish() }

    nonisolated func named(_ name: String?) -> (any Executor)? { executors.first { $0.name == name } }

    func admission() -> Admission {
        let now = clock.now
        let states = executors.map { (rule: $0.rule, health: availability(of: $0, at: now)) }
        let moments = states.compactMap { state -> Date? in
            switch state.health {
            case .ready, .due: nil
            case .paused(let until), .probed(let until): until
            }
        }
        return Admission(executors: states, nextChange: moments.min())
    }

    /// Gives a build to the first executor after `position` that may have it; nil when there is none.
    func choose(
        for build: String, namespace: Username, retriesRemaining: Int, after position: Int? = nil
    ) -> Choice? {
        let now = clock.now
        var passedOver: [PassedOver] = []
        for (index, executor) in executors.enumerated() where index > position ?? -1 {
            let verdict = ExecutorSelection.verdict(
                executor.rule, availability(of: executor, at: now), namespace: namespace,
                retriesRemaining: retriesRemaining)
            guard verdict != .eligible else {
                health[executor.name]?.takes(build, at: now, patience: executor.setupTime + BuildLauncher.leeway)
                tell(build, namespace, retriesRemaining, executor.name, passedOver)
                return Choice(executor: executor, position: index)
            }
            metrics.skipped(executor.name, verdict)
            passedOver.append(PassedOver(executor: executor.name, verdict: verdict))
        }
        tell(build, namespace, retriesRemaining, nil, passedOver)
        return nil
    }

    /// The start call for a build has worked.
    func started(_ build: String, on executor: String) { change(executor) { $0.started(build) } }

    /// A builder has come to the manager.
    func registered(on executor: String) { change(executor) { $0.registered() } }

    /// The executor did not start a builder, or the builder that it started never came.
    func failed(_ failure: ExecutorHealth.Failure, _ build: String, on executor: String, because cause: String) {
        let now = clock.now
        change(executor, because: cause) { $0.failed(failure, build, at: now) }
    }

    /// The build is over, and says nothing about its executor.
    func left(_ build: String, by executor: String) {
        let now = clock.now
        change(executor) { $0.left(build, at: now) }
    }

    private func availability(of executor: any Executor, at now: Date) -> ExecutorHealth.Availability {
        health[executor.name]?.availability(at: now) ?? .ready
    }

    private func change(_ name: String, because cause: String = "", _ event: (inout ExecutorHealth) -> Void) {
        guard var state = health[name] else { return }
        let now = clock.now
        let before = state.availability(at: now)
        event(&state)
        health[name] = state
        let after = state.availability(at: now)
        guard before != after else { return }
        metrics.healthy(name, state.isWell)
        switch after {
        case .ready:
            logger.notice("an executor works again", metadata: ["executor": "\(name)"])
            recovered.yield()
        case .paused(let until):
            logger.warning(
                "an executor is passed over for a while",
                metadata: ["executor": "\(name)", "until": "\(Self.text(until))", "cause": "\(cause)"])
        case .due: recovered.yield()
        case .probed: break
        }
    }

    private func tell(
        _ build: String, _ namespace: Username, _ retriesRemaining: Int, _ chosen: String?, _ passedOver: [PassedOver]
    ) {
        let reasons = passedOver.map { "\($0.executor): \(Self.text($0.verdict))" }.joined(separator: "; ")
        logger.info(
            chosen == nil ? "no executor may start a build now" : "executor chosen",
            metadata: [
                "build": "\(build)", "namespace": "\(namespace)", "launches_left": "\(retriesRemaining)",
                "executor": "\(chosen ?? "-")", "passed_over": "\(reasons.isEmpty ? "-" : reasons)",
            ])
    }

    private static func text(_ verdict: ExecutorSelection.Verdict) -> String {
        switch verdict {
        case .eligible: "eligible"
        case .otherNamespaces: "for other namespaces"
        case .fallback: "keeps its last launches for others (MINIMUM_RETRY_THRESHOLD)"
        case .paused(let until): "failed, paused until \(text(until))"
        case .probed: "failed, another build tries it"
        }
    }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}
