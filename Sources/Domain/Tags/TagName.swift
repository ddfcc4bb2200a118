/// The name of a tag in a repository.
///
/// Shape: one ASCII letter, digit or underscore, then up to 127 more, dots or dashes. Source: OCI distribution 1.1.
package struct TagName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable {
        package let text: String
        /// As the API says it.
        package var message: String {
            "Invalid tag: must match [A-Za-z0-9_.-], NOT start with \".\" or \"-\", and can contain 1-128 characters"
        }
    }

    package let text: String

    /// Throws ``Malformed``.
    package init(_ text: String) throws(Malformed) {
        guard (1...128).contains(text.utf8.count), let first = text.utf8.first, Self.isWord(first),
            text.utf8.allSatisfy({ Self.isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
        else { throw Malformed(text: text) }
        self.text = text
    }

    /// The nearest allowed name, for tags made from branch names and templates: wrong characters become `_`, at most
    /// 127 characters stay, nothing becomes `latest`. Source: Quay, escaping of build tags.
    package init(escaping text: String) {
        let escaped = text.unicodeScalars.prefix(127).enumerated().map { index, scalar -> Character in
            guard scalar.isASCII, let byte = UInt8(exactly: scalar.value) else { return "_" }
            let allowed = Self.isWord(byte) || (index > 0 && (byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")))
            return allowed ? Character(scalar) : "_"
        }
        self.text = escaped.isEmpty ? "latest" : String(escaped)
    }

    package var description: String { text }

    /// By bytes, as the tag list is sorted.
    package static func < (left: Self, right: Self) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
