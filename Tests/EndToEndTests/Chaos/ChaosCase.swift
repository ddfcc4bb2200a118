/// One way in which a farm breaks: what breaks, how, and what a build is doing then.
struct ChaosCase: Sendable, Hashable, CustomStringConvertible {
    /// Where a build is held while something breaks.
    enum Step: String, CaseIterable, Sendable {
        /// In the queue: no manager looks at it.
        case queued
        /// An executor starts its builder, which has not begun.
        case scheduled
        /// The agent dials its manager, and does not get through.
        case started
        /// The agent fetches the source, and does not get it.
        case registered
        /// A RUN waits.
        case building
        /// The image is on its way to the registry, and does not get there.
        case pushing
    }

    enum Victim: String, CaseIterable, Sendable {
        case buildman, agent, registry, redis
        /// The way between the agent and its manager; the one to the registry stays.
        case network
    }

    enum Fault: String, CaseIterable, Sendable {
        /// kill -9, or every connection is reset and refused; servers are started again after a moment.
        case killed
        /// SIGSTOP for longer than a builder may be silent, then SIGCONT; or a network that swallows everything for so long.
        case frozen
    }

    let step: Step
    let victim: Victim
    let fault: Fault

    init(_ step: Step, _ victim: Victim, _ fault: Fault) {
        self.step = step
        self.victim = victim
        self.fault = fault
    }

    var description: String { "\(victim.rawValue) \(fault.rawValue) at \(step.rawValue)" }

    /// Whether there is such a victim at that step.
    var isPossible: Bool {
        switch (victim, step) {
        // There is no agent yet; and the way is blocked by the step itself.
        case (.agent, .queued), (.network, .queued), (.network, .scheduled), (.network, .started): false
        default: true
        }
    }

    /// Every possible one.
    static var all: [ChaosCase] {
        Step.allCases.flatMap { step in
            Victim.allCases.flatMap { victim in Fault.allCases.map { ChaosCase(step, victim, $0) } }
        }.filter(\.isPossible)
    }

    /// For every run of the tests: each step, each victim and each fault at least once, in a few minutes.
    static let chosen = [
        ChaosCase(.queued, .buildman, .killed), ChaosCase(.scheduled, .buildman, .killed),
        ChaosCase(.scheduled, .registry, .frozen), ChaosCase(.started, .agent, .killed),
        ChaosCase(.registered, .buildman, .frozen), ChaosCase(.building, .buildman, .killed),
        ChaosCase(.building, .agent, .frozen), ChaosCase(.building, .network, .killed),
        ChaosCase(.pushing, .registry, .killed), ChaosCase(.pushing, .agent, .killed),
        ChaosCase(.pushing, .network, .frozen),
    ]
}
