/// Reads one YAML document into a tree of nodes.
package enum YAMLParser {
    /// The root of the document in `text`; an empty text is null.
    ///
    /// Aliases and merge keys (`<<`) are resolved. Refused, each with its place: bad syntax, duplicate keys, keys that
    /// are not scalars, unknown tags, several documents, and anything beyond `limits`.
    package static func parse(_ text: String, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> YAMLNode {
        try parse(Array(text.utf8), limits: limits)
    }

    /// The same for bytes as they came from a file: UTF-8, or UTF-16 with a byte order mark.
    package static func parse(_ bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> YAMLNode {
        guard bytes.count <= limits.maximumBytes else {
            throw YAMLError(
                problem: "the text has \(bytes.count) bytes, more than the \(limits.maximumBytes) that are allowed",
                mark: YAMLMark(line: 1, column: 1))
        }
        guard !bytes.isEmpty else { return .null }
        return try YAMLEventReader.withEvents(of: bytes) { (events) throws(YAMLError) in
            var builder = YAMLTreeBuilder(events: events, limits: limits)
            return try builder.document()
        }
    }
}
