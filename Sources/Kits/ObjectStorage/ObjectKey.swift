/// The name of a stored object inside its location.
///
/// Shape: an area of the program's own, then an identifier of lower-case letters, digits and dashes: written
/// `area/ab/abcd…`, the two middle letters spread many objects over folders. No other text can become a key, so none can
/// leave its location.
package struct ObjectKey: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable { package let text: String }

    /// As it stands in the database and below the location's root.
    package let text: String

    /// - Parameters:
    ///   - area: what kind of object it is; lower-case letters.
    ///   - identifier: 3 to 128 lower-case letters, digits and dashes, not starting with a dash; most often a UUID.
    /// - Throws: ``Malformed``.
    package init(area: StaticString, identifier: String) throws(Malformed) {
        try self.init(parts: area.description, String(identifier.prefix(2)), identifier)
    }

    /// Reads a key back from the database. Throws ``Malformed``.
    package init(stored text: String) throws(Malformed) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[1] == parts[2].prefix(2) else { throw Malformed(text: text) }
        try self.init(parts: parts[0], parts[1], parts[2])
    }

    private init(parts area: String, _ spread: String, _ identifier: String) throws(Malformed) {
        let text = "\(area)/\(spread)/\(identifier)"
        guard !area.isEmpty, area.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }),
            Self.isIdentifier(identifier)
        else { throw Malformed(text: text) }
        self.text = text
    }

    package var description: String { text }

    /// The first part: what kind of object it is.
    package var area: String { String(text.prefix { $0 != "/" }) }

    /// The last part: what the key was made of.
    package var identifier: String {
        String(text.suffix(from: text.index(after: text.lastIndex(of: "/") ?? text.startIndex)))
    }

    /// The folder of the object, relative to the location's root.
    var folder: String { String(text.prefix(upTo: text.lastIndex(of: "/") ?? text.startIndex)) }

    static func isIdentifier(_ text: String) -> Bool {
        (3...128).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: "-")
            && text.utf8.dropFirst(1).first != UInt8(ascii: "-")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// The name of an upload under way: that of the object that it becomes, and nobody else's.
package struct UploadKey: Sendable, Hashable, CustomStringConvertible {
    package let object: ObjectKey

    package init(_ object: ObjectKey) { self.object = object }

    /// A file name. Shape: area, dash, identifier.
    package var text: String { "\(object.area)-\(object.identifier)" }
    package var description: String { text }
}
