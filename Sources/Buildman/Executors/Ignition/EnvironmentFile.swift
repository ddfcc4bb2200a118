/// Variables as lines of `NAME=value` that systemd, podman and docker read alike.
///
/// The three differ in quotes, backslashes, comments and blanks at the ends, so that no value may have any of them, nor
/// a line break, which would begin another variable.
struct EnvironmentFile: Sendable, Hashable {
    let text: String

    /// - Parameter variables: in the order in which they are written; those without a value are left out.
    /// Throws ``ExecutorFailure`` that names the variable, never its value.
    init(_ variables: [(name: String, value: String?)]) throws(ExecutorFailure) {
        var lines = ""
        for (name, value) in variables {
            guard let value, !value.isEmpty else { continue }
            guard Self.isPlain(value) else {
                throw ExecutorFailure(
                    "The value of \(name) has a character that an environment file can't carry: no line breaks, quotes, "
                        + "backslashes, $ or #, and no blank at either end.")
            }
            lines += "\(name)=\(value)\n"
        }
        text = lines
    }

    private static func isPlain(_ value: String) -> Bool {
        value.utf8.allSatisfy { (0x20...0x7E).contains($0) && !"\"'\\`$#".utf8.contains($0) }
            && value.first != " " && value.last != " "
    }
}
