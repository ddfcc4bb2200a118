/// Header fields in the order they were written; names are compared without case, a name may stand several times.
package struct WebHeaders: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable, Hashable {
        package let name: String
        package let value: String
    }

    package private(set) var fields: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0, value: $1) }
    }

    /// The first value of `name`. Setting it replaces every value; setting `nil` removes them.
    package subscript(_ name: String) -> String? {
        get { fields.first { Self.same($0.name, name) }?.value }
        set {
            fields.removeAll { Self.same($0.name, name) }
            if let newValue { fields.append(Field(name: name, value: newValue)) }
        }
    }

    /// Every value of `name`, in order.
    package func values(of name: String) -> [String] {
        fields.filter { Self.same($0.name, name) }.map(\.value)
    }

    /// Adds one more value, whatever stands there.
    package mutating func add(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    /// Only the fields with one of `names`, which are written in lower case.
    func keeping(_ names: Set<String>) -> WebHeaders {
        var kept = WebHeaders()
        kept.fields = fields.filter { names.contains($0.name.lowercased()) }
        return kept
    }

    /// The sentence for the first field that can't be sent: it would end the line and start another.
    var problem: String? {
        let token = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for field in fields {
            if field.name.isEmpty || !field.name.utf8.allSatisfy(token.contains) {
                return "A header's name contains a character that is not allowed."
            }
            if field.value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
                return "The value of the header \(field.name) contains a control character."
            }
        }
        return nil
    }

    private static func same(_ one: String, _ other: String) -> Bool {
        one == other || one.lowercased() == other.lowercased()
    }
}
