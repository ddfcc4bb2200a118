package import struct Foundation.Date
package import typealias Foundation.TimeInterval

/// When what happened to a build: in the queue, and in each of its launches.
package struct BuildTimeline: Sendable, Hashable {
    /// A part of a launch; the raw value is its name in the API. The order of the cases is the order in which they come.
    package enum StepName: String, Sendable, Hashable, CaseIterable {
        /// A manager claimed the build and chose an executor.
        case scheduled
        /// The executor took the job: the builder comes up.
        case started
        /// The builder told that it is there.
        case registered
        case unpacking, pulling, building, pushing
    }

    /// One part of a launch and how long it took.
    package struct Step: Sendable, Hashable {
        package let name: StepName
        package let at: Date
        /// Until the next step or the launch's end, in seconds; nil while it lasts.
        package let seconds: TimeInterval?
    }

    /// One launch of the build.
    package struct Attempt: Sendable, Hashable {
        /// Counts from 1.
        package let number: Int
        /// The executor's name; nil before one took the job.
        package let executor: String?
        /// In the order of time.
        package let steps: [Step]
        package let endedAt: Date?
        /// Nil while it runs.
        package let outcome: AttemptOutcome?
        /// Why it ended as it did; nil where there is nothing to say.
        package let cause: BuildFailureNote?
    }

    /// When somebody asked for the build.
    package let queuedAt: Date
    /// When it ended for good.
    package let endedAt: Date?
    /// The first one first.
    package let attempts: [Attempt]

    package init(queuedAt: Date, endedAt: Date?, attempts: [Attempt]) {
        self.queuedAt = queuedAt
        self.endedAt = endedAt
        self.attempts = attempts
    }

    /// How long it waited for its first launch, in seconds; nil while it waits.
    package var queuedSeconds: TimeInterval? {
        (attempts.first?.steps.first?.at ?? endedAt).map { max(0, $0.timeIntervalSince(queuedAt)) }
    }
}

extension BuildTimeline.Attempt {
    /// - Parameter moments: when each step began that was reached.
    package init(
        number: Int, executor: String?, moments: [BuildTimeline.StepName: Date], endedAt: Date?,
        outcome: AttemptOutcome?, cause: BuildFailureNote?
    ) {
        self.number = number
        self.executor = executor
        self.endedAt = endedAt
        self.outcome = outcome
        self.cause = cause
        // A quick builder registers, or even works, before its executor's call has come back.
        let order = BuildTimeline.StepName.allCases
        let sorted = order.compactMap { name in moments[name].map { (name, $0) } }.enumerated()
            .sorted { ($0.element.1, $0.offset) < ($1.element.1, $1.offset) }.map(\.element)
        steps = sorted.enumerated().map { place, step in
            let next = place + 1 < sorted.count ? sorted[place + 1].1 : endedAt
            return BuildTimeline.Step(
                name: step.0, at: step.1, seconds: next.map { max(0, $0.timeIntervalSince(step.1)) })
        }
    }
}

/// Why a launch ended, as its row keeps it: short enough for a list.
package struct BuildFailureNote: Sendable, Hashable {
    /// No text is longer, in characters; the log has the rest.
    package static let maximumLength = 2_000

    /// Nil where only a sentence is known.
    package let code: BuildFailureCode?
    /// A sentence for people, with what the failing tool said behind a colon.
    package let text: String

    /// Cuts what is too long, and drops what no text of the database can hold.
    package init(code: BuildFailureCode?, text: String) {
        self.code = code
        let text = text.contains("\0") ? text.replacing("\0", with: "") : text
        self.text = text.count > Self.maximumLength ? text.prefix(Self.maximumLength) + " …" : text
    }

    package init(_ failure: BuildFailure) { self.init(code: failure.code, text: failure.message) }
}
