import Foundation

/// The way of a build through its phases, as the page draws it: one step for each, how it went, and how long it took.
struct PhaseTrack: Sendable, Hashable {
    /// A phase and when it began, as the log tells.
    struct Moment: Sendable, Hashable {
        let phase: String
        let at: Date
    }

    struct Step: Sendable, Hashable {
        let word: String
        /// The class name: `done`, `current`, `stopped`, `skipped`, `open`.
        let state: String
        /// What a reader hears and sees below the word: `12 s`, `not reached`.
        let note: String
        /// 1 to 9: how wide the step is drawn; grows with the time that it took.
        let weight: Int
        let isCurrent: Bool
    }

    let steps: [Step]
    /// Which launch of the build this is, counting from 1; 0 while it waits for the first.
    let attempt: Int

    private static let way = [
        ("waiting", "Queued"), ("build-scheduled", "Preparing"), ("unpacking", "Unpacking"), ("pulling", "Pulling"),
        ("building", "Building"), ("pushing", "Pushing"),
    ]

    /// - Parameters:
    ///   - moments: every phase of every attempt, in order; the last attempt is drawn. Empty for a reader who may not see
    ///     the log: then only the present phase is known, and no time.
    ///   - phase: where the build is now.
    ///   - requested: when it was put into the queue.
    init(_ moments: [Moment], phase: PhaseLabel, requested: Date, now: Date) {
        let launches = moments.indices.filter { moments[$0].phase == "build-scheduled" }
        attempt = launches.count
        let firstLaunch = launches.first.map { moments[$0].at }
        let last = launches.last.map { Array(moments[$0...]) } ?? []
        let order = Self.way.map(\.0)
        var began: [Int: Date] = [0: requested]
        for moment in last {
            if let place = order.firstIndex(of: moment.phase), began[place] == nil { began[place] = moment.at }
        }
        let reached = began.keys.max() ?? 0
        let end = last.first { !order.contains($0.phase) }?.at
        steps = Self.way.enumerated().map { place, step in
            if moments.isEmpty, phase.name != "waiting" {
                return Self.untold(step.1, place: place, present: order.firstIndex(of: phase.name), phase)
            }
            guard let start = began[place] else {
                let isBehind = place < reached || phase.mood == .good
                return Step(
                    word: step.1, state: isBehind ? "skipped" : "open",
                    note: isBehind ? "not needed" : phase.isOver ? "not reached" : "to come", weight: 1,
                    isCurrent: false)
            }
            let following = place == 0 ? firstLaunch : began.filter { $0.key > place }.values.min()
            let seconds = (following ?? end ?? (phase.isOver ? start : now)).timeIntervalSince(start)
            let state = Self.state(isLast: place == reached, phase)
            let duration = PageDuration(seconds: seconds).text
            let isKnown = following != nil || end != nil || !phase.isOver
            return Step(
                word: step.1, state: state,
                note: !isKnown ? "ended" : state == "stopped" ? "stopped after \(duration)" : duration,
                weight: min(9, max(1, Int(max(0, min(seconds, 1e6)).squareRoot().rounded()))),
                isCurrent: state == "current")
        }
    }

    /// A step of which only the build's present phase tells something.
    private static func untold(_ word: String, place: Int, present: Int?, _ phase: PhaseLabel) -> Step {
        let (state, note): (String, String)
        if phase.mood == .good || place == 0 || place < (present ?? 0) {
            (state, note) = ("done", "done")
        } else if place == present {
            (state, note) = ("current", "now")
        } else {
            (state, note) = ("open", present == nil ? "not told" : "to come")
        }
        return Step(word: word, state: state, note: note, weight: 1, isCurrent: state == "current")
    }

    private static func state(isLast: Bool, _ phase: PhaseLabel) -> String {
        guard isLast, phase.mood != .good else { return "done" }
        return phase.isOver || phase.mood == .retry ? "stopped" : "current"
    }
}
