/// One SQL statement with its bindings, written as a string literal whose interpolations become bindings.
///
/// ```swift
/// try transaction.rows("SELECT id FROM repository WHERE namespace_id = \(owner) AND name = \(name)")
/// ```
/// Text is portable SQL with `?` placeholders; a driver renumbers them where its engine wants `$1`.
package struct Query: Sendable, Hashable, ExpressibleByStringInterpolation {
    /// The statement with one `?` for each binding, in order.
    package private(set) var sql: String
    package private(set) var bindings: [SQLValue]

    package init(stringLiteral value: String) {
        self.sql = value
        self.bindings = []
    }

    package init(stringInterpolation: StringInterpolation) {
        self.sql = stringInterpolation.sql
        self.bindings = stringInterpolation.bindings
    }

    /// Joins two pieces, for a condition that only some callers add.
    package static func + (left: Query, right: Query) -> Query {
        var joined = left
        joined.sql += " " + right.sql
        joined.bindings += right.bindings
        return joined
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var sql = ""
        fileprivate var bindings: [SQLValue] = []

        package init(literalCapacity: Int, interpolationCount: Int) { sql.reserveCapacity(literalCapacity) }

        package mutating func appendLiteral(_ literal: String) { sql += literal }

        package mutating func appendInterpolation(_ value: some SQLBindable) {
            sql += "?"
            bindings.append(value.sqlValue)
        }

        package mutating func appendInterpolation<Value: SQLBindable>(_ value: Value?) {
            sql += "?"
            bindings.append(value?.sqlValue ?? .null)
        }

        /// A comma-separated list of bindings for `IN (…)`; an empty list becomes `NULL`, which matches nothing.
        package mutating func appendInterpolation(list values: [some SQLBindable]) {
            sql += values.isEmpty ? "NULL" : Array(repeating: "?", count: values.count).joined(separator: ", ")
            bindings += values.map(\.sqlValue)
        }

        /// A piece of SQL from this program's own source, such as a column list: never text from outside.
        package mutating func appendInterpolation(raw text: StaticString) {
            sql += text.description
        }

        /// Another query's text and bindings.
        package mutating func appendInterpolation(_ query: Query) {
            sql += query.sql
            bindings += query.bindings
        }
    }
}
