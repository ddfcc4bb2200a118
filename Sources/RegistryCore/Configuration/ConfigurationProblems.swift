/// Which program reads the configuration: a mistake in what it doesn't use only earns a warning.
package enum Audience: Sendable, Hashable {
    case registryLite
    case buildman
}

/// One thing that is wrong, or looks wrong, in a configuration.
package struct ConfigurationProblem: Sendable, Hashable, CustomStringConvertible {
    package enum Severity: Sendable, Hashable {
        /// The program doesn't start (exit code 78).
        case error
        /// The program starts with the default, and says so.
        case warning
    }

    package let severity: Severity
    /// Where in the tree, such as `BUILD_MANAGER[1].EXECUTORS[0].VOLUME_SIZE`; empty for the file as a whole.
    package let path: String
    /// From 1; nil where there is no line (a missing file, an environment variable).
    package let line: Int?
    /// What is wrong, as a sentence. Never repeats the value of a secret.
    package let message: String

    package var description: String {
        let place = [line.map { "line \($0)" }, path.isEmpty ? nil : path].compactMap(\.self).joined(separator: ": ")
        return place.isEmpty ? message : "\(place): \(message)"
    }
}

/// Everything that is wrong in a configuration, at once.
package struct ConfigurationProblems: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file as the user named it.
    package let file: String
    /// Errors and warnings in the order of the file; at least one error.
    package let problems: [ConfigurationProblem]

    package var description: String {
        let errors = problems.filter { $0.severity == .error }
        let head = errors.count == 1 ? "1 problem" : "\(errors.count) problems"
        return "\(head) in the configuration \(file):\n" + errors.map { "  \($0)" }.joined(separator: "\n")
    }
}

/// Gathers problems while sections are read.
final class ProblemCollector {
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var unknownKeys: [(path: String, line: Int, suggestion: String?)] = []

    func add(_ severity: ConfigurationProblem.Severity, _ path: String, line: Int?, _ message: String) {
        problems.append(ConfigurationProblem(severity: severity, path: path, line: line, message: message))
    }

    func addUnknownKey(_ path: String, line: Int, suggestion: String?) {
        unknownKeys.append((path, line, suggestion))
    }

    /// All problems in the order of the file, the unknown keys as one warning at the end.
    func finish() -> [ConfigurationProblem] {
        var result = problems.sorted { ($0.line ?? 0, $0.path) < ($1.line ?? 0, $1.path) }
        if !unknownKeys.isEmpty {
            let list = unknownKeys.sorted { $0.line < $1.line }.map { key in
                "\(key.path) (line \(key.line)" + (key.suggestion.map { "; did you mean \($0)?" } ?? "") + ")"
            }
            result.append(
                ConfigurationProblem(
                    severity: .warning, path: "", line: nil,
                    message: "Unknown keys are ignored: \(list.joined(separator: ", "))."))
        }
        return result
    }
}
