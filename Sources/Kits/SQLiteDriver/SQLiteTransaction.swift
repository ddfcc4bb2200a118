import GRDB

import struct SQL.DatabaseError
import enum SQL.Dialect
import struct SQL.Query
import struct SQL.Row
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

    /// What `body` answers. Errors: its own; those of the engine in the words of the kit SQL.
    func value<Value>(of body: (any Transaction) throws -> Value) throws -> Value {
        do {
            let value = try body(self)
            try requireUnbroken()
            return value
        } catch let error as GRDB.DatabaseError {
            throw SQLiteFailure.translate(error, sql: nil, mode: mode)
        }
    }

    /// Errors: the first failure of a statement, also where the body caught it: PostgreSQL could not commit either.
    func requireUnbroken() throws {
        if let failure { throw failure }
    }

    func rows(_ query: Query) throws -> [Row] {
        try attempt(query.sql) { try SQLiteStatement(query.sql, on: connection).rows(query.bindings) }
    }

    func run(_ query: Query) throws -> Int {
        try attempt(query.sql) { try SQLiteStatement(query.sql, on: connection).changes(query.bindings) }
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
}
