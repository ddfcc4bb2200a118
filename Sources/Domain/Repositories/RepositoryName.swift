/// The full name of an image repository: its namespace and a path inside it.
///
/// Shape: `namespace/name`, where name is one or more path components of lower-case letters and digits joined by
/// `.`, `_`, `__` or dashes; at most 255 characters in all. Source: OCI distribution 1.1, and Quay's extended names.
package struct RepositoryName: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable {
        package let text: String

        package init(text: String) { self.text = text }

        package var message: String {
            "Invalid repository name: it must be lower-case letters and digits joined by '.', '_' or '-', "
                + "in components joined by '/'."
        }
    }

    package let namespace: Username
    package let name: String

    /// Throws ``Malformed`` when `name` breaks the rule.
    package init(namespace: Username, name: String) throws(Malformed) {
        let whole = "\(namespace)/\(name)"
        guard whole.utf8.count <= 255, !name.isEmpty,
            name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(Self.isComponent)
        else { throw Malformed(text: whole) }
        self.namespace = namespace
        self.name = name
    }

    /// Parses `namespace/name`; without a slash the namespace is `library`. Throws ``Malformed``.
    package init(_ text: String, library: Username? = nil) throws(Malformed) {
        guard let slash = text.firstIndex(of: "/") else {
            guard let library else { throw Malformed(text: text) }
            try self.init(namespace: library, name: text)
            return
        }
        do {
            try self.init(namespace: Username(String(text[..<slash])), name: String(text[text.index(after: slash)...]))
        } catch { throw Malformed(text: text) }
    }

    package var text: String { "\(namespace)/\(name)" }
    package var description: String { text }

    /// One path component of the OCI grammar: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
    private static func isComponent(_ component: Substring) -> Bool {
        var separator: [UInt8] = [UInt8(ascii: "/")]
        for character in component.utf8 {
            switch character {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                separator = []
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                separator.append(character)
                let dashes = separator.allSatisfy { $0 == UInt8(ascii: "-") }
                let underscores = separator.allSatisfy { $0 == UInt8(ascii: "_") } && separator.count <= 2
                guard dashes || underscores || separator == [UInt8(ascii: ".")] else { return false }
            default: return false
            }
        }
        return separator.isEmpty
    }
}
