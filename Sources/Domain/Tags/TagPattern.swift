/// A tag name or a glob that names many: `*` stands for any characters, also none, `?` for exactly one.
///
/// Shape: 1-128 characters of tag names and the two wildcards. It must be able to match a tag: a pattern that no name can
/// match, such as the regular expression `.*`, would protect nothing without anybody noticing.
package struct TagPattern: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable {
        package let text: String
        package var message: String {
            "Invalid tag pattern: a tag name or a glob of 1-128 characters [A-Za-z0-9_.-], * for any characters and ? for one, NOT starting with \".\" or \"-\""
        }
    }

    package let text: String

    /// Throws ``Malformed``.
    package init(_ text: String) throws(Malformed) {
        let plain = String(decoding: text.utf8.filter { $0 != Self.star && $0 != Self.one }, as: UTF8.self)
        let begin = text.utf8.first == Self.star || text.utf8.first == Self.one ? "_" : ""
        // What is left without the wildcards must be the beginning of a name, after a first character of any kind.
        guard (1...128).contains(text.utf8.count), (try? TagName(begin + plain + (plain.isEmpty ? "_" : ""))) != nil
        else { throw Malformed(text: text) }
        self.text = text
    }

    package var description: String { text }

    /// Whether `name` is one of the pattern's; compared byte by byte, so `V1` is not `v1`.
    package func matches(_ name: String) -> Bool {
        let (pattern, name) = (Array(text.utf8), Array(name.utf8))
        var (at, position) = (0, 0)
        // Where to go on when the characters after the last star don't fit: one more character goes to the star.
        var retry: (pattern: Int, name: Int)?
        while position < name.count {
            if at < pattern.count, pattern[at] == Self.star {
                retry = (at, position)
                at += 1
            } else if at < pattern.count, pattern[at] == Self.one || pattern[at] == name[position] {
                at += 1
                position += 1
            } else if let last = retry {
                retry = (last.pattern, last.name + 1)
                (at, position) = (last.pattern + 1, last.name + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == Self.star }
    }

    private static let star = UInt8(ascii: "*")
    private static let one = UInt8(ascii: "?")
}
