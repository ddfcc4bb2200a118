/// A Dockerfile as a list of instructions: enough to judge it and to know its base images before a build starts.
///
/// The container runtime parses it again, in full. Source: the Dockerfile reference; Quay 13.4.
struct Dockerfile: Sendable, Hashable {
    /// Why a text isn't a Dockerfile, in words that follow "Could not find or parse Dockerfile: ".
    struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        let description: String
    }

    struct Instruction: Sendable, Hashable {
        /// In capitals.
        let name: String
        /// The rest of the logical line: continuations joined, comments and outer white space gone.
        let arguments: String
        /// Where it begins, from 1.
        let line: Int
    }

    let instructions: [Instruction]
    /// `\` or `` ` ``.
    let escape: Character

    static let known: Set<String> = [
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
        "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    ]

    /// Throws ``Malformed``: for a text without instructions, an unknown instruction, and one that doesn't begin with
    /// FROM or ARG.
    init(_ text: String) throws(Malformed) {
        var reader = LogicalLines(text)
        escape = reader.escape
        var instructions: [Instruction] = []
        while let (line, number) = reader.next() {
            let word = line.prefix { !$0.isWhitespace }
            let name = word.uppercased()
            guard Self.known.contains(name) else {
                throw Malformed(description: "unknown instruction: \(name.prefix(100))")
            }
            let arguments = line[word.endIndex...].trimmingWhitespace()
            if ["RUN", "COPY", "ADD"].contains(name) { reader.skipHereDocuments(of: arguments) }
            instructions.append(Instruction(name: name, arguments: String(arguments), line: number))
        }
        guard let first = instructions.first else { throw Malformed(description: "Empty Dockerfile") }
        guard first.name == "FROM" || first.name == "ARG" else {
            throw Malformed(description: "First line in Dockerfile isn't FROM or ARG")
        }
        self.instructions = instructions
    }
}

/// The physical lines of a Dockerfile, joined where they continue.
private struct LogicalLines {
    let escape: Character
    private let lines: [Substring]
    private var position = 0

    init(_ text: String) {
        var rest = Substring(text)
        if rest.first == "\u{FEFF}" { rest = rest.dropFirst() }
        // "\r\n" is one Character in Swift, and a newline.
        lines = rest.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        escape = Self.escapeDirective(lines)
    }

    /// The next line that holds an instruction, without comments, and its number.
    mutating func next() -> (line: Substring, number: Int)? {
        while position < lines.count, Self.isBlankOrComment(lines[position]) { position += 1 }
        guard position < lines.count else { return nil }
        let number = position + 1
        var joined = ""
        while position < lines.count {
            let line = lines[position]
            position += 1
            // Comments and blank lines may stand between the parts of one instruction.
            if !joined.isEmpty, Self.isBlankOrComment(line) { continue }
            guard let continued = continuation(of: line) else {
                joined += line
                break
            }
            joined += continued
        }
        return (Substring(joined).trimmingWhitespace(), number)
    }

    /// Moves behind the bodies of the `<<NAME` documents that `arguments` announce.
    mutating func skipHereDocuments(of arguments: Substring) {
        for marker in Self.hereDocuments(in: arguments) {
            while position < lines.count {
                let line = marker.stripsTabs ? lines[position].drop { $0 == "\t" } : lines[position]
                position += 1
                if line == marker.name { break }
            }
        }
    }

    /// The line without its escape at the end, or nil when it ends here.
    private func continuation(of line: Substring) -> Substring? {
        var end = line
        while let last = end.last, last == " " || last == "\t" { end = end.dropLast() }
        guard end.last == escape else { return nil }
        let before = end.dropLast()
        return before.last == escape ? nil : before
    }

    private static func isBlankOrComment(_ line: Substring) -> Bool {
        let text = line.trimmingWhitespace()
        return text.isEmpty || text.first == "#"
    }

    /// `# escape=` counts only above everything that isn't a directive.
    private static func escapeDirective(_ lines: [Substring]) -> Character {
        for line in lines {
            let text = line.trimmingWhitespace()
            guard text.first == "#", let equals = text.firstIndex(of: "=") else { break }
            let key = text[..<equals].dropFirst().trimmingWhitespace().lowercased()
            guard !key.isEmpty, key.allSatisfy({ $0.isLetter || $0.isNumber }) else { break }
            if key == "escape", text[text.index(after: equals)...].trimmingWhitespace() == "`" { return "`" }
        }
        return "\\"
    }

    private static func hereDocuments(in arguments: Substring) -> [(name: Substring, stripsTabs: Bool)] {
        arguments.split(whereSeparator: \.isWhitespace).compactMap { word in
            // A file descriptor may stand before the marker, as in `3<<EOF`.
            var rest = word.drop { $0.isASCII && $0.isNumber }
            guard rest.hasPrefix("<<"), !rest.hasPrefix("<<<") else { return nil }
            rest = rest.dropFirst(2)
            let stripsTabs = rest.first == "-"
            if stripsTabs { rest = rest.dropFirst() }
            if let quote = rest.first, quote == "'" || quote == "\"" {
                guard rest.count > 2, rest.last == quote else { return nil }
                rest = rest.dropFirst().dropLast()
            }
            guard let first = rest.first, first.isLetter || first == "_",
                rest.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
            else { return nil }
            return (rest, stripsTabs)
        }
    }
}

extension Substring {
    func trimmingWhitespace() -> Substring {
        var text = drop(while: \.isWhitespace)
        while let last = text.last, last.isWhitespace { text = text.dropLast() }
        return text
    }
}
