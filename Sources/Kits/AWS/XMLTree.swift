/// The XML that AWS answers with, read into a tree: elements, text, nothing else.
///
/// Attributes, comments and processing instructions are skipped; a document type is refused, and with it every entity
/// but the five of XML and numbered characters.
package struct XMLTree: Sendable, Hashable {
    package struct Malformed: Error, Sendable, Hashable {}

    /// Without a prefix.
    package let name: String
    package private(set) var children: [XMLTree] = []
    package private(set) var text = ""

    private static let maximumDepth = 64

    /// Reads a whole document. Throws ``Malformed``.
    package init(_ bytes: [UInt8]) throws(Malformed) {
        guard let document = String(validating: bytes, as: UTF8.self) else { throw Malformed() }
        var rest = Substring(document)
        // The open elements, outermost first, under one that holds the root.
        var open = [XMLTree(name: "")]
        while let mark = rest.firstIndex(of: "<") {
            open[open.count - 1].text += try Self.resolved(rest[..<mark])
            rest = rest[mark...]
            if rest.hasPrefix("<!--") {
                try Self.skip(past: "-->", in: &rest)
            } else if rest.hasPrefix("<?") {
                try Self.skip(past: "?>", in: &rest)
            } else if rest.hasPrefix("<![CDATA[") {
                rest = rest.dropFirst("<![CDATA[".count)
                let start = rest
                try Self.skip(past: "]]>", in: &rest)
                open[open.count - 1].text += start[..<rest.startIndex].dropLast("]]>".count)
            } else if rest.hasPrefix("<!") {
                throw Malformed()
            } else {
                try Self.tag(&rest, &open)
            }
        }
        guard open.count == 1, open[0].children.count == 1, rest.allSatisfy(\.isWhitespace) else { throw Malformed() }
        self = open[0].children[0]
    }

    private init(name: String) { self.name = name }

    /// The first child of that name.
    package subscript(_ name: String) -> XMLTree? { children.first { $0.name == name } }

    /// The text of the child of that name, without blanks around it; nil when there is no such child.
    package func text(_ name: String) -> String? {
        guard let text = self[name]?.text else { return nil }
        let letters = text.drop(while: \.isWhitespace)
        return String(
            letters.prefix(
                upTo: letters.lastIndex { !$0.isWhitespace }.map(letters.index(after:)) ?? letters.startIndex))
    }

    package func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }

    private static func tag(_ rest: inout Substring, _ open: inout [XMLTree]) throws(Malformed) {
        let start = rest.dropFirst()
        try skip(past: ">", in: &rest)
        var inside = start[..<rest.startIndex].dropLast()
        let closes = inside.hasPrefix("/")
        if closes { inside = inside.dropFirst() }
        let isEmpty = inside.hasSuffix("/")
        if isEmpty { inside = inside.dropLast() }
        let whole = inside.prefix { !$0.isWhitespace }
        let name = String(whole.split(separator: ":").last ?? "")
        guard !name.isEmpty else { throw Malformed() }
        if !closes { open.append(XMLTree(name: name)) }
        if closes || isEmpty {
            guard open.count > 1, let last = open.popLast(), last.name == name else { throw Malformed() }
            open[open.count - 1].children.append(last)
        }
        guard open.count <= maximumDepth else { throw Malformed() }
    }

    private static func skip(past end: String, in rest: inout Substring) throws(Malformed) {
        guard let found = rest.firstRange(of: end) else { throw Malformed() }
        rest = rest[found.upperBound...]
    }

    private static func resolved(_ text: Substring) throws(Malformed) -> String {
        var result = ""
        var rest = text
        while let mark = rest.firstIndex(of: "&") {
            result += rest[..<mark]
            guard let end = rest[mark...].firstIndex(of: ";") else { throw Malformed() }
            let name = rest[rest.index(after: mark)..<end]
            switch name {
            case "lt": result += "<"
            case "gt": result += ">"
            case "amp": result += "&"
            case "quot": result += "\""
            case "apos": result += "'"
            default:
                let digits = name.dropFirst(name.hasPrefix("#x") ? 2 : 1)
                guard name.hasPrefix("#"), let code = UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10),
                    let scalar = Unicode.Scalar(code)
                else { throw Malformed() }
                result.unicodeScalars.append(scalar)
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
