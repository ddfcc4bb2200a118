import Domain
import Mustache

/// A build's log as its page shows it: sections that fold, one for each step, phase and error, and numbered lines.
struct BuildLogView: Sendable, Hashable {
    /// How many entries a page shows without asking for earlier ones; the rest is a link away.
    static let window = 2_000

    let sections: [Section]
    let isEmpty: Bool
    /// The number that the next entry will have, counting from 0: where a reader of the live log goes on.
    let next: Int
    /// The entries before the first one shown; 0 when the page begins at the beginning.
    let earlier: Int
    /// Where the earlier entries are to be seen; nil when there are none.
    let earlierPath: String?
    /// What the script writes as the heading of a phase.
    let phaseSentences = PhaseLabel.sentences

    /// One foldable part: a heading, unless output came before any, and the lines below it.
    struct Section: Sendable, Hashable {
        /// `step`, `phase`, `error` or `output`; part of the class name.
        let kind: String
        /// What the heading is called before its title; empty for output without one.
        let label: String
        let title: String
        /// The heading's own line number; nil for output without a heading.
        let number: Int?
        let clock: String?
        fileprivate(set) var lines: [Line] = []
    }

    struct Line: Sendable, Hashable {
        /// Counts from 1.
        let number: Int
        /// `01:02:03` in UTC; nil for an entry without a moment.
        let clock: String?
        let runs: [Run]
        /// How many characters are left out at the end.
        let omitted: Int
    }

    struct Run: Sendable, Hashable {
        let classes: String
        let text: String
    }

    /// - Parameters:
    ///   - entries: what the log store holds from position `start` on, in order.
    ///   - start: the position of the first one, counting from 0.
    ///   - path: the build's page.
    init(_ entries: [BuildLogEntry], start: Int, path: String) {
        var sections: [Section] = []
        for (index, entry) in entries.enumerated() {
            let number = start + index + 1
            let clock = Self.clock(of: entry)
            if let kind = entry.kind {
                sections.append(Self.heading(kind, entry.message, number: number, clock: clock))
            } else {
                if sections.isEmpty {
                    sections.append(Section(kind: "output", label: "", title: "", number: nil, clock: nil))
                }
                sections[sections.count - 1].lines.append(Self.line(entry.message, number: number, clock: clock))
            }
        }
        self.sections = sections
        isEmpty = sections.isEmpty
        next = start + entries.count
        earlier = start
        earlierPath = start == 0 ? nil : "\(path)?start=\(max(0, start - Self.window))"
    }

    /// The title of the last error that is shown; nil for none.
    var lastError: String? { sections.last { $0.kind == "error" }?.title }

    /// Where a page begins that shows the newest entries.
    static func start(ofNewest total: Int) -> Int { max(0, total - window) }

    private static func heading(_ kind: BuildLogEntry.Kind, _ message: String, number: Int, clock: String?) -> Section {
        switch kind {
        case .command:
            Section(kind: "step", label: "Step", title: AnsiText(message).text, number: number, clock: clock)
        case .phase:
            Section(kind: "phase", label: "Phase", title: PhaseLabel(message).sentence, number: number, clock: clock)
        case .error:
            Section(kind: "error", label: "Error", title: AnsiText(message).text, number: number, clock: clock)
        }
    }

    private static func line(_ message: String, number: Int, clock: String?) -> Line {
        let text = AnsiText(message.hasSuffix("\n") ? String(message.dropLast()) : message)
        return Line(
            number: number, clock: clock, runs: text.runs.map { Run(classes: $0.style.classes, text: $0.text) },
            omitted: text.omitted)
    }

    private static func clock(of entry: BuildLogEntry) -> String? {
        entry.data["datetime"].flatMap(CivilTime.moment).map { CivilTime($0).clock }
    }
}

// A log has thousands of lines: looking values up by name is ten times faster than reflection.
extension BuildLogView.Line: MustacheParent {
    func child(named name: String) -> Any? {
        switch name {
        case "number": number
        case "clock": clock
        case "runs": runs
        case "omitted": omitted == 0 ? nil : omitted
        default: nil
        }
    }
}

extension BuildLogView.Run: MustacheParent {
    func child(named name: String) -> Any? {
        switch name {
        case "classes": classes
        case "text": text
        default: nil
        }
    }
}
