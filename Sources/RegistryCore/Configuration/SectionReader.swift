import WebRequests
import YAML

/// Reads typed values out of one mapping of the configuration.
///
/// A missing key, or one that is null, gives the default. A wrong value is recorded as a problem with its place and gives
/// the default too, so that one pass finds everything. Every key that is asked for is known from then on;
/// ``finish(ignoring:)`` reports the others.
final class SectionReader {
    let mapping: YAMLMapping
    let path: String
    private let line: Int?
    let severity: ConfigurationProblem.Severity
    let collector: ProblemCollector
    private let parent: SectionReader?
    private var knownKeys: Set<String> = []

    /// `path` is the way to the mapping, empty for the root; `line` where it starts; `severity` that of its problems.
    init(
        _ mapping: YAMLMapping, path: String = "", line: Int? = nil, severity: ConfigurationProblem.Severity = .error,
        collector: ProblemCollector
    ) {
        self.mapping = mapping
        self.path = path
        self.line = line
        self.severity = severity
        self.collector = collector
        self.parent = nil
    }

    private init(sharing parent: SectionReader, severity: ConfigurationProblem.Severity) {
        self.mapping = parent.mapping
        self.path = parent.path
        self.line = parent.line
        self.severity = severity
        self.collector = parent.collector
        self.parent = parent
    }

    /// The same mapping for a part that the program at hand does not use: problems become warnings.
    func reading(as severity: ConfigurationProblem.Severity) -> SectionReader {
        SectionReader(sharing: self, severity: severity)
    }

    /// The value of `key`, unless it is missing or null. Makes the key known.
    func node(_ key: String) -> YAMLNode? {
        know(key)
        guard let node = mapping[key], !node.isNull else { return nil }
        return node
    }

    private func know(_ key: String) {
        knownKeys.insert(key)
        parent?.know(key)
    }

    func place(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func problem(_ key: String, _ message: String, line: Int? = nil) {
        collector.add(severity, place(of: key), line: line ?? keyLine(key), message)
    }

    /// The line of `key`, also of an item of its list (`KEY[0]`).
    private func keyLine(_ key: String) -> Int? {
        mapping.entry(String(key.prefix { $0 != "[" }))?.keyMark.line
    }

    func warning(_ key: String, _ message: String) {
        collector.add(.warning, place(of: key), line: mapping.entry(key)?.keyMark.line, message)
    }

    /// Records that `key` is needed.
    func missing(_ key: String, _ reason: String) {
        problem(key, "This key is required: \(reason).", line: mapping.entries.first?.keyMark.line ?? line)
    }

    /// Reports every key that nobody asked for; `ignored` keys and those with an ignored prefix are known but unused.
    func finish(ignoring ignored: Set<String> = [], prefixes: [String] = []) {
        let known = knownKeys.union(ignored)
        for entry in mapping.entries where !known.contains(entry.key) && !prefixes.contains(where: entry.key.hasPrefix)
        {
            collector.addUnknownKey(
                place(of: entry.key), line: entry.keyMark.line,
                suggestion: Spelling.suggestion(for: entry.key, among: known.sorted()))
        }
    }
}

/// Values of the basic kinds.
extension SectionReader {
    func bool(_ key: String, default standard: Bool) -> Bool { bool(key) ?? standard }

    func bool(_ key: String) -> Bool? {
        guard let node = node(key) else { return nil }
        if case .bool(let value) = node.scalar?.value { return value }
        let hint =
            ["true", "false", "yes", "no"].contains(node.scalar?.text.lowercased()) ? "; leave out the quotes" : ""
        problem(key, "Expected true or false, got \(node.kindName)\(hint).")
        return nil
    }

    func integer(_ key: String, default standard: Int, in range: ClosedRange<Int>) -> Int {
        integer(key, in: range) ?? standard
    }

    func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let node = node(key) else { return nil }
        guard case .integer(let value) = node.scalar?.value else {
            problem(key, "Expected a whole number, got \(node.kindName).")
            return nil
        }
        guard range.contains(value) else {
            let limit =
                range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
            problem(key, "Expected \(limit), got \(value).")
            return nil
        }
        return value
    }

    /// A text; numbers count as what is written, so that passwords of digits need no quotes.
    func text(_ key: String) -> String? {
        guard let node = node(key) else { return nil }
        return text(node, key)
    }

    func text(_ key: String, default standard: String) -> String { text(key) ?? standard }

    /// A text with at least one character; an empty one counts as missing.
    func nonEmptyText(_ key: String) -> String? { text(key).flatMap { $0.isEmpty ? nil : $0 } }

    func texts(_ key: String) -> [String] {
        guard let node = node(key) else { return [] }
        guard let items = node.sequence else {
            problem(key, "Expected a list of texts, got \(node.kindName).")
            return []
        }
        return items.enumerated().compactMap { text($1, "\(key)[\($0)]") }
    }

    private func text(_ node: YAMLNode, _ key: String) -> String? {
        switch node.scalar?.value {
        case .text, .integer, .hugeInteger, .float: return node.scalar?.text
        case .bool:
            problem(
                key, "Expected a text, got a boolean; put it in quotes if it is meant as a text.", line: node.mark.line)
        case .null, nil:
            problem(key, "Expected a text, got \(node.kindName).", line: node.mark.line)
        }
        return nil
    }

    /// One of the cases of an enumeration, by its written form.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, default standard: Choice) -> Choice {
        guard let written = text(key) else { return standard }
        if let choice = Choice(rawValue: written) { return choice }
        let all = Choice.allCases.map(\.rawValue)
        let hint = Spelling.suggestion(for: written, among: all).map { "; did you mean \($0)?" } ?? ""
        problem(key, "Expected one of \(all.joined(separator: ", ")), got \"\(written.prefix(60))\"\(hint).")
        return standard
    }

    /// The mapping under `key` for a reader of its own, with the severity of this one.
    func section(_ key: String) -> SectionReader? {
        guard let node = node(key) else { return nil }
        return section(node, place(of: key))
    }

    func section(_ node: YAMLNode, _ path: String) -> SectionReader? {
        guard let mapping = node.mapping else {
            collector.add(severity, path, line: node.mark.line, "Expected a mapping, got \(node.kindName).")
            return nil
        }
        return SectionReader(mapping, path: path, line: node.mark.line, severity: severity, collector: collector)
    }
}

/// Values with a unit or a form.
extension SectionReader {
    /// `10m`, `2w`, …
    func duration(_ key: String, default standard: Duration) -> Duration { duration(key) ?? standard }

    func duration(_ key: String) -> Duration? {
        guard let written = text(key) else { return nil }
        guard let value = Quantities.duration(written) else {
            problem(key, "Expected a duration such as 30s, 10m, 4h, 1d or 2w, got \"\(written.prefix(60))\".")
            return nil
        }
        return value
    }

    /// A number of seconds, with decimals where somebody wants them.
    func seconds(_ key: String, default standard: Double, atLeast minimum: Double = 0) -> Duration {
        seconds(key, atLeast: minimum) ?? .milliseconds(Int64(standard * 1000))
    }

    func seconds(_ key: String, atLeast minimum: Double = 0) -> Duration? {
        guard let node = node(key) else { return nil }
        let number: Double
        switch node.scalar?.value {
        case .integer(let value): number = Double(value)
        case .float(let value): number = value
        default:
            problem(key, "Expected a number of seconds, got \(node.kindName).")
            return nil
        }
        guard number >= minimum, number <= 1e9 else {
            problem(key, "Expected \(minimum.formatted) to 1000000000 seconds, got \(node.scalar?.text ?? "").")
            return nil
        }
        return .milliseconds(Int64(number * 1000))
    }

    func size(_ key: String, default standard: ByteSize) -> ByteSize { size(key) ?? standard }

    func size(_ key: String) -> ByteSize? {
        guard let written = text(key) else { return nil }
        guard let size = ByteSize(written) else {
            problem(key, "Expected a size such as 20G, 512Mi or 1048576, got \"\(written.prefix(60))\".")
            return nil
        }
        return size
    }

    func networks(_ key: String) -> [CIDR] {
        texts(key).enumerated().compactMap { index, written in
            do { return try CIDR(written) } catch {
                problem(
                    "\(key)[\(index)]",
                    "Expected a network such as 10.0.0.0/8 or fd00::/8, got \"\(written.prefix(60))\".")
                return nil
            }
        }
    }
}

extension Double {
    fileprivate var formatted: String { self == rounded() ? String(Int(self)) : String(self) }
}
