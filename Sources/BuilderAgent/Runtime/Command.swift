/// One program to run: everything about it, so that command lines can be tested without running them.
struct Command: Sendable, Hashable {
    /// Looked up in PATH.
    let program: String
    let arguments: [String]
    /// The whole environment: nothing is inherited.
    let environment: [String: String]

    init(_ program: String, _ arguments: [String], environment: [String: String]) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
    }
}

/// How a program ended.
struct CommandResult: Sendable, Hashable {
    enum Status: Sendable, Hashable {
        case exited(Int32)
        case signalled(Int32)
    }

    let status: Status
    /// The last lines that it printed, oldest first.
    let tail: [String]

    var isSuccess: Bool { status == .exited(0) }

    /// What went wrong, in the program's own words: its last line that says "error" or "fatal", else its last line,
    /// else its status.
    var complaint: String {
        let spoken = tail.filter { !$0.allSatisfy(\.isWhitespace) }
        let line = spoken.last { line in
            let lower = line.lowercased()
            return lower.hasPrefix("error") || lower.hasPrefix("fatal") || lower.contains("error:")
        }
        guard let line = line ?? spoken.last else { return statusText }
        for prefix in ["Error: ", "error: ", "ERROR: ", "fatal: "] where line.hasPrefix(prefix) {
            return String(line.dropFirst(prefix.count))
        }
        return line
    }

    private var statusText: String {
        switch status {
        case .exited(let code): "it ended with exit code \(code)"
        case .signalled(let number): "it was ended by signal \(number)"
        }
    }
}

/// Why a program could not be run to its end.
enum CommandError: Error, Sendable, Hashable, CustomStringConvertible {
    case notFound(program: String)
    case notStarted(program: String, reason: String)
    /// It printed nothing for so long.
    case silent(program: String, limit: Duration)
    /// It took longer than allowed.
    case overdue(program: String, limit: Duration)

    var description: String {
        switch self {
        case .notFound(let program): "The program \(program) isn't installed on the builder."
        case .notStarted(let program, let reason): "The program \(program) could not be started: \(reason)"
        case .silent(let program, let limit):
            "\(program) printed nothing for \(limit.components.seconds) seconds and was ended."
        case .overdue(let program, let limit):
            "\(program) took longer than \(limit.components.seconds) seconds and was ended."
        }
    }
}
