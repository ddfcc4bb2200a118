import OCI

/// The stages of a Dockerfile and the images that they need from a registry.
struct BaseImages: Sendable, Hashable {
    struct Stage: Sendable, Hashable {
        /// What it is built on.
        let base: Base
        /// As in `FROM … AS name`; in lower case.
        let name: String?
    }

    enum Base: Sendable, Hashable {
        case scratch
        /// The number of an earlier stage, from 0.
        case stage(Int)
        case image(ImageReference)
    }

    /// Never empty. The last one is the image.
    let stages: [Stage]

    /// Images to pull, in the order of their first use, none twice.
    var external: [ImageReference] {
        var seen: Set<ImageReference> = []
        return stages.compactMap { stage in
            guard case .image(let image) = stage.base, seen.insert(image).inserted else { return nil }
            return image
        }
    }

    /// Reads the FROM lines, with the ARGs before the first of them; `arguments` win over their defaults.
    ///
    /// Throws ``Dockerfile/Malformed`` for a file without FROM and for a base that isn't an image.
    init(_ dockerfile: Dockerfile, arguments: [String: String] = [:]) throws(Dockerfile.Malformed) {
        var variables = DockerfileVariables(escape: dockerfile.escape, given: arguments)
        var stages: [Stage] = []
        for instruction in dockerfile.instructions {
            switch instruction.name {
            case "ARG" where stages.isEmpty: variables.declare(instruction.arguments)
            case "FROM": stages.append(try Self.stage(instruction, after: stages, variables))
            default: continue
            }
        }
        guard !stages.isEmpty else { throw Dockerfile.Malformed(description: "no FROM line") }
        self.stages = stages
    }

    private static func stage(
        _ instruction: Dockerfile.Instruction, after stages: [Stage], _ variables: DockerfileVariables
    ) throws(Dockerfile.Malformed) -> Stage {
        let words = instruction.arguments.split(whereSeparator: \.isWhitespace).drop { $0.hasPrefix("--") }
        guard let first = words.first, words.count == 1 || words.count == 3,
            words.count == 1 || words.dropFirst().first?.lowercased() == "as"
        else {
            throw Dockerfile.Malformed(
                description: "line \(instruction.line): FROM needs one image, or an image, AS and a name")
        }
        let name = words.count == 3 ? words.last?.lowercased() : nil
        let text = variables.expand(String(first))
        if text == "scratch" { return Stage(base: .scratch, name: name) }
        if let earlier = stages.lastIndex(where: { $0.name == text.lowercased() }) {
            return Stage(base: .stage(earlier), name: name)
        }
        do { return Stage(base: .image(try ImageReference(text)), name: name) } catch {
            throw Dockerfile.Malformed(
                description: "line \(instruction.line): FROM line specifies an invalid base image: \(text.prefix(200))")
        }
    }
}

/// The ARGs before the first FROM: the only variables that FROM lines see.
struct DockerfileVariables: Sendable, Hashable {
    private let escape: Character
    private let given: [String: String]
    private var values: [String: String] = [:]

    init(escape: Character, given: [String: String]) {
        self.escape = escape
        self.given = given
    }

    /// Takes the words of one ARG: `NAME` or `NAME=default`, where a default may use earlier names.
    mutating func declare(_ arguments: String) {
        for word in Self.words(arguments, escape: escape) {
            guard let equals = word.firstIndex(of: "=") else {
                values[word] = given[word]
                continue
            }
            let name = String(word[..<equals])
            values[name] = given[name] ?? expand(String(word[word.index(after: equals)...]))
        }
    }

    /// Replaces `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`; an unknown name is empty.
    func expand(_ text: String) -> String {
        var result = ""
        var rest = Substring(text)
        while let character = rest.popFirst() {
            if character == escape, let next = rest.popFirst() {
                result.append(next)
            } else if character == "$" {
                result += takeVariable(from: &rest)
            } else {
                result.append(character)
            }
        }
        return result
    }

    private func takeVariable(from rest: inout Substring) -> String {
        guard rest.first == "{" else {
            let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            guard !name.isEmpty else { return "$" }
            rest = rest[name.endIndex...]
            return values[String(name)] ?? ""
        }
        guard let end = Self.closingBrace(of: rest) else { return "$" }
        let inside = rest[rest.index(after: rest.startIndex)..<end]
        rest = rest[rest.index(after: end)...]
        guard let colon = inside.firstIndex(of: ":") else { return values[String(inside)] ?? "" }
        let value = values[String(inside[..<colon])] ?? ""
        let other = inside[colon...].dropFirst(2)
        switch inside[colon...].dropFirst().first {
        case "-": return value.isEmpty ? expand(String(other)) : value
        case "+": return value.isEmpty ? "" : expand(String(other))
        default: return value
        }
    }

    private static func closingBrace(of text: Substring) -> Substring.Index? {
        var depth = 0
        for index in text.indices {
            if text[index] == "{" { depth += 1 }
            if text[index] == "}" {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }

    /// Splits at white space outside quotes, and takes the quotes off.
    private static func words(_ text: String, escape: Character) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var rest = Substring(text)
        while let character = rest.popFirst() {
            if character == escape, quote != "'", let next = rest.popFirst() {
                // The dollar stays escaped for the expansion that follows.
                word = (word ?? "") + (next == "$" ? "\(escape)$" : String(next))
            } else if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if character.isWhitespace {
                if let done = word { words.append(done) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let done = word { words.append(done) }
        return words
    }
}
