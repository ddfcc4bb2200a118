import GRDB
import GRDBSQLite
import Glibc

import struct SQL.DatabaseError
import struct SQL.Query
import struct SQL.Row
import enum SQL.SQLValue

/// One prepared statement of a connection, bound and read by SQLite's own calls.
///
/// GRDB prepares and keeps it. Its general way of binding and reading costs more than the look-up by key that most
/// statements are; see docs/performance.md.
struct SQLiteStatement {
    private let prepared: Statement
    private let connection: GRDB.Database
    private var handle: OpaquePointer { prepared.sqliteStatement }

    init(_ sql: String, on connection: GRDB.Database) throws {
        prepared = try connection.cachedStatement(sql: sql)
        self.connection = connection
    }

    /// Runs the statement and answers every row.
    func rows(_ bindings: [SQLValue]) throws -> [Row] {
        try run(bindings) {
            var rows: [Row] = []
            let columns = Row.Columns(prepared.columnNames)
            while try step() { rows.append(Row(columns: columns, values: values(columns.names.count))) }
            return rows
        }
    }

    /// Runs the statement and answers how many rows it changed.
    func changes(_ bindings: [SQLValue]) throws -> Int {
        try run(bindings) {
            while try step() {}
            return Int(sqlite3_changes(connection.sqliteConnection))
        }
    }

    private func run<Value>(_ bindings: [SQLValue], _ work: () throws -> Value) throws -> Value {
        guard bindings.count == Int(sqlite3_bind_parameter_count(handle)) else {
            throw DatabaseError(
                .statement, "\(bindings.count) bindings for \(sqlite3_bind_parameter_count(handle)) placeholders.")
        }
        // Left as it was found: a statement that is under way would hold the snapshot, and its bindings memory.
        defer {
            sqlite3_reset(handle)
            sqlite3_clear_bindings(handle)
        }
        for (position, value) in bindings.enumerated() { try bind(value, at: Int32(position + 1)) }
        return try work()
    }

    /// Whether there is a row.
    private func step() throws -> Bool {
        let code = sqlite3_step(handle)
        guard code == SQLITE_ROW || code == SQLITE_DONE else { throw failure(code) }
        return code == SQLITE_ROW
    }

    private func failure(_ code: Int32) -> GRDB.DatabaseError {
        GRDB.DatabaseError(resultCode: ResultCode(rawValue: code), message: connection.lastErrorMessage)
    }

    private func bind(_ value: SQLValue, at position: Int32) throws {
        let code: Int32
        switch value {
        case .null: code = sqlite3_bind_null(handle, position)
        case .integer(let number): code = sqlite3_bind_int64(handle, position, number)
        case .real(let number): code = sqlite3_bind_double(handle, position, number)
        case .text(var text):
            code = try text.withUTF8 { bytes in
                guard let start = bytes.baseAddress else { return sqlite3_bind_text(handle, position, "", 0, nil) }
                guard memchr(start, 0, bytes.count) == nil else {
                    throw DatabaseError(.statement, "Text with a NUL character can't be stored.")
                }
                return sqlite3_bind_text64(
                    handle, position, UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self),
                    UInt64(bytes.count), Self.copies, UInt8(SQLITE_UTF8))
            }
        case .bytes(let bytes):
            code = bytes.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress, !bytes.isEmpty else {
                    return sqlite3_bind_zeroblob(handle, position, 0)
                }
                return sqlite3_bind_blob64(handle, position, start, UInt64(bytes.count), Self.copies)
            }
        }
        guard code == SQLITE_OK else { throw failure(code) }
    }

    /// SQLite makes its own copy of what is bound: SQLITE_TRANSIENT, a C macro that Swift can't read.
    private static var copies: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    private func values(_ count: Int) -> [SQLValue] {
        [SQLValue](unsafeUninitializedCapacity: count) { buffer, initialized in
            for column in 0..<count { buffer.initializeElement(at: column, to: value(Int32(column))) }
            initialized = count
        }
    }

    private func value(_ column: Int32) -> SQLValue {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(handle, column))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(handle, column))
        case SQLITE_TEXT:
            // The text first: asking for it may convert it, and change its length.
            let start = sqlite3_column_text(handle, column)
            let count = Int(sqlite3_column_bytes(handle, column))
            return .text(String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self))
        case SQLITE_BLOB:
            let start = sqlite3_column_blob(handle, column)
            let count = Int(sqlite3_column_bytes(handle, column))
            return .bytes([UInt8](UnsafeRawBufferPointer(start: start, count: count)))
        default: return .null
        }
    }
}
