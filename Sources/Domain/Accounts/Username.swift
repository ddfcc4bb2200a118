/// The name of a user or an organization, and so of its namespace.
///
/// Shape: lower-case letters and digits in groups joined by one `.`, `_` or `-`; 2 to 255 characters.
/// Source: Quay, username rule.
package struct Username: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable {
        package let text: String
        package var message: String {
            "Invalid namespace name: it must be 2 to 255 lower-case letters and digits, joined by single '.', '_' or '-'."
        }
    }

    package let text: String

    /// Throws ``Malformed``.
    package init(_ text: String) throws(Malformed) {
        guard (2...255).contains(text.utf8.count), Self.isWellFormed(text.utf8) else { throw Malformed(text: text) }
        self.text = text
    }

    package var description: String { text }

    private static func isWellFormed(_ characters: String.UTF8View) -> Bool {
        var separated = true
        for character in characters {
            switch character {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): separated = false
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                if separated { return false }
                separated = true
            default: return false
            }
        }
        return !separated
    }
}
