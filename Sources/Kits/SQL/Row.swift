package import struct Foundation.Date

/// One row of an answer; columns are read by name and come back as the type asked for.
///
/// Errors: ``DatabaseError/Kind/decoding`` when the column is missing, is NULL where a value is asked for, or has
/// another type.
package struct Row: Sendable {
    /// The column names of one statement, shared by all its rows.
    package struct Columns: Sendable {
        package let names: [String]

        package init(_ names: [String]) { self.names = names }

        /// Looked for one by one: statements have a dozen columns, and a table to look them up costs more than it saves.
        fileprivate func position(of name: String) -> Int? { names.firstIndex(of: name) }
    }

    private let columns: Columns
    package let values: [SQLValue]

    package init(columns: Columns, values: [SQLValue]) {
        self.columns = columns
        self.values = values
    }

    package func value(_ column: String) throws -> SQLValue {
        guard let position = columns.position(of: column) else {
            throw DatabaseError(
                .decoding, "There is no column \(column) in (\(columns.names.joined(separator: ", "))).")
        }
        return values[position]
    }

    package func integer(_ column: String) throws -> Int64 { try present(integerIfAny(column), column) }
    package func int(_ column: String) throws -> Int { Int(try integer(column)) }
    package func text(_ column: String) throws -> String { try present(textIfAny(column), column) }
    package func bytes(_ column: String) throws -> [UInt8] { try present(bytesIfAny(column), column) }
    package func bool(_ column: String) throws -> Bool { try integer(column) != 0 }
    /// A moment from a column of whole milliseconds since 1970.
    package func date(_ column: String) throws -> Date { try present(dateIfAny(column), column) }

    package func integerIfAny(_ column: String) throws -> Int64? {
        switch try value(column) {
        case .null: nil
        case .integer(let number): number
        case .real(let number) where number == number.rounded(): Int64(number)
        case .text(let text) where Int64(text) != nil: Int64(text)
        case let other: throw mismatch(column, other, "a whole number")
        }
    }

    package func intIfAny(_ column: String) throws -> Int? { try integerIfAny(column).map(Int.init) }

    package func realIfAny(_ column: String) throws -> Double? {
        switch try value(column) {
        case .null: nil
        case .real(let number): number
        case .integer(let number): Double(number)
        case .text(let text) where Double(text) != nil: Double(text)
        case let other: throw mismatch(column, other, "a number")
        }
    }

    package func textIfAny(_ column: String) throws -> String? {
        switch try value(column) {
        case .null: nil
        case .text(let text): text
        case let other: throw mismatch(column, other, "text")
        }
    }

    package func bytesIfAny(_ column: String) throws -> [UInt8]? {
        switch try value(column) {
        case .null: nil
        case .bytes(let bytes): bytes
        case .text(let text): Array(text.utf8)
        case let other: throw mismatch(column, other, "bytes")
        }
    }

    package func dateIfAny(_ column: String) throws -> Date? {
        try integerIfAny(column).map { Date(timeIntervalSince1970: Double($0) / 1000) }
    }

    private func present<Value>(_ value: Value?, _ column: String) throws -> Value {
        guard let value else { throw DatabaseError(.decoding, "Column \(column) is NULL where a value is needed.") }
        return value
    }

    private func mismatch(_ column: String, _ value: SQLValue, _ wanted: String) -> DatabaseError {
        DatabaseError(.decoding, "Column \(column) holds \(value), not \(wanted).")
    }
}
