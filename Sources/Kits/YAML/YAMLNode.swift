/// One value of a YAML document with the place where it stands.
package struct YAMLNode: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping(YAMLMapping)
    }

    package let content: Content
    package let mark: YAMLMark

    package init(_ content: Content, mark: YAMLMark) {
        self.content = content
        self.mark = mark
    }

    /// What an empty text says.
    package static let null = YAMLNode(.scalar(.plain("")), mark: YAMLMark(line: 1, column: 1))

    package var scalar: YAMLScalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
    package var sequence: [YAMLNode]? { if case .sequence(let nodes) = content { nodes } else { nil } }
    package var mapping: YAMLMapping? { if case .mapping(let mapping) = content { mapping } else { nil } }

    /// Whether the value is `null`, `~` or left out.
    package var isNull: Bool { scalar?.value == .null }

    /// What a person calls this kind of value: "a list", "a text", …
    package var kindName: String {
        switch content {
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: "nothing"
            case .bool: "a boolean"
            case .integer, .hugeInteger: "a whole number"
            case .float: "a number"
            case .text: "a text"
            }
        }
    }
}

/// Keys and values in the order of the text; no key stands twice.
package struct YAMLMapping: Sendable, Hashable {
    package struct Entry: Sendable, Hashable {
        package let key: String
        /// Where the key stands (the value's own place may be lines below).
        package let keyMark: YAMLMark
        package let value: YAMLNode
    }

    package private(set) var entries: [Entry] = []
    private var positions: [String: Int] = [:]

    package init() {}

    /// The value of `key`, or nil if it isn't there.
    package subscript(key: String) -> YAMLNode? { entry(key)?.value }

    package func entry(_ key: String) -> Entry? { positions[key].map { entries[$0] } }

    /// Adds an entry whose key must be new; false (and no change) if the key is there already.
    mutating func add(_ entry: Entry) -> Bool {
        guard positions[entry.key] == nil else { return false }
        positions[entry.key] = entries.count
        entries.append(entry)
        return true
    }
}
