import Domain
import Foundation

/// When what happened to a build, as its page tells it: the queue, then each launch with its steps.
struct TimelineView: Sendable, Hashable {
    struct Step: Sendable, Hashable {
        let word: String
        let at: PageTime
        /// `01:02:03`, in UTC.
        let clock: String
        /// `1.25 s`; `so far 12 s` while it lasts.
        let took: String
    }

    struct Launch: Sendable, Hashable {
        let title: String
        /// How it ended, or that it runs.
        let outcome: String
        /// The class name of the mark.
        let moodName: String
        /// Why it ended so; nil for nothing to say, and for those who may not read the log.
        let cause: String?
        let steps: [Step]
    }

    let queued: Step
    let launches: [Launch]
    /// `2 launches`, for the line that opens the timeline.
    let summary: String

    /// - Parameter showsCauses: whether the visitor may read what the log says.
    init(_ timeline: BuildTimeline, showsCauses: Bool, now: Date) {
        queued = Self.step("Queued", timeline.queuedAt, timeline.queuedSeconds, now: now)
        var count = 0
        launches = timeline.attempts.map { attempt in
            // A start call that failed uses no launch up.
            if attempt.outcome != .notStarted { count += 1 }
            let title = attempt.outcome == .notStarted ? "Start call" : "Launch \(count)"
            return Self.launch(attempt, title: title, showsCauses: showsCauses, now: now)
        }
        summary =
            switch count {
            case 0: "not launched yet"
            case 1: "1 launch"
            case let count: "\(count) launches"
            }
    }

    private static func launch(
        _ attempt: BuildTimeline.Attempt, title: String, showsCauses: Bool, now: Date
    ) -> Launch {
        let (outcome, mood) = attempt.outcome.map(words) ?? ("Running", .live)
        return Launch(
            title: title + (attempt.executor.map { " on \($0)" } ?? ""), outcome: outcome,
            moodName: mood.rawValue, cause: showsCauses ? attempt.cause.map { AnsiText($0.text).text } : nil,
            steps: attempt.steps.map { step(word($0.name), $0.at, $0.seconds, now: now) })
    }

    private static func step(_ word: String, _ at: Date, _ seconds: TimeInterval?, now: Date) -> Step {
        Step(
            word: word, at: PageTime(at, now: now), clock: CivilTime(at).clock,
            took: seconds.map(span) ?? "so far \(span(now.timeIntervalSince(at)))")
    }

    /// Short spans to the hundredth: what a builder's start costs is less than a second, where it costs little.
    static func span(_ seconds: TimeInterval) -> String {
        guard seconds < 10 else { return PageDuration(seconds: seconds).text }
        let hundredths = Int((max(0, seconds) * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) s"
    }

    private static func word(_ name: BuildTimeline.StepName) -> String {
        switch name {
        case .scheduled: "Scheduled"
        case .started: "Starting builder"
        case .registered: "Registered"
        case .unpacking: "Unpacking"
        case .pulling: "Pulling"
        case .building: "Building"
        case .pushing: "Pushing"
        }
    }

    private static func words(_ outcome: AttemptOutcome) -> (String, PhaseLabel.Mood) {
        switch outcome {
        case .complete: ("Complete", .good)
        case .error: ("Failed", .bad)
        case .cancelled: ("Cancelled", .off)
        case .expired: ("Not heard in time", .retry)
        case .lost: ("Builder lost", .retry)
        case .interrupted: ("Manager stopped", .retry)
        case .superseded: ("Taken over", .retry)
        case .notStarted: ("Not started", .retry)
        }
    }
}
