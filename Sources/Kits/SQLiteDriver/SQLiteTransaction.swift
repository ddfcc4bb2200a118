import Foundation
import GRDB

import struct SQL.DatabaseError
import enum SQL.Dialect
import struct SQL.Query
import struct SQL.Row
import enum SQL.SQLValue
import struct SQL.Signal
import protocol SQL.Transaction

/// One body's view of a connection; used on that connection's queue only.
final class SQLiteTransaction: Transaction {
    enum Mode { case reading, writing }

    let dialect = Dialect.sqlite
    /// What to wake once this body's changes are committed.
    private(set) var signals: Set<Signal> = []

    private let connection: GRDB.Database
    private let mode: Mode
    private var failure: DatabaseError?

    init(_ connection: GRDB.Database, mode: Mode) {
        self.connection = connection
        self.mode = mode
    }

    /// Errors: the first failure of a statement, also where the body caught it: PostgreSQL could not commit either.
    func requireUnbroken() throws {
        if let failure { throw failure }
    }

    func rows(_ query: Query) throws -> [Row] {
        try attempt(query.sql) {
            let statement = try connection.cachedStatement(sql: query.sql)
            let cursor = try GRDB.Row.fetchCursor(statement, arguments: arguments(of: query))
            var columns: Row.Columns?
            var rows: [Row] = []
            while let row = try cursor.next() {
                let shared = columns ?? Row.Columns(statement.columnNames)
                columns = shared
                rows.append(Row(columns: shared, values: row.databaseValues.map(SQLValue.init)))
            }
            return rows
        }
    }

    func run(_ query: Query) throws -> Int {
        try attempt(query.sql) {
            try connection.cachedStatement(sql: query.sql).execute(arguments: arguments(of: query))
            return connection.changesCount
        }
    }

    func execute(ddl: String) throws {
        try attempt(ddl) { try connection.execute(sql: ddl) }
    }

    func notify(_ signal: Signal) throws {
        try requireUnbroken()
        guard mode == .writing else { throw DatabaseError(.statement, "A reading transaction can't notify.") }
        signals.insert(signal)
    }

    private func attempt<Value>(_ sql: String, _ work: () throws -> Value) throws -> Value {
        try requireUnbroken()
        do {
            return try work()
        } catch let error as GRDB.DatabaseError {
            let translated = SQLiteFailure.translate(error, sql: sql, mode: mode)
            failure = translated
            throw translated
        } catch let error as DatabaseError {
            failure = error
            throw error
        }
    }

    private func arguments(of query: Query) throws -> StatementArguments {
        StatementArguments(
            try query.bindings.map { value -> DatabaseValue in
                switch value {
                case .null: .null
                case .integer(let number): number.databaseValue
                case .real(let number): number.databaseValue
                case .text(let text):
                    if text.utf8.contains(0) {
                        throw DatabaseError(.statement, "Text with a NUL character can't be stored.", sql: query.sql)
                    } else {
                        text.databaseValue
                    }
                case .bytes(let bytes): Data(bytes).databaseValue
                }
            })
    }
}

extension SQLValue {
    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let number): self = .integer(number)
        case .double(let number): self = .real(number)
        case .string(let text): self = .text(text)
        case .blob(let data): self = .bytes([UInt8](data))
        }
    }
}
