import CPostgres

import struct SQL.DatabaseError
import enum SQL.Dialect
import struct SQL.Query
import struct SQL.Row
import struct SQL.Signal
import protocol SQL.Transaction

/// One body's view of a session, between BEGIN and COMMIT.
final class PostgresTransaction: Transaction {
    let dialect = Dialect.postgres
    /// The first statement that failed: PostgreSQL accepts nothing after it.
    private(set) var failure: DatabaseError?
    /// Whether that failure was another transaction's doing.
    private(set) var lostAConflict = false

    private let session: PostgresSession

    init(_ session: PostgresSession) { self.session = session }

    func rows(_ query: Query) throws -> [Row] { try attempt(query.sql) { try session.execute(query) }.rows }

    func run(_ query: Query) throws -> Int { try attempt(query.sql) { try session.execute(query) }.changedRows }

    func execute(ddl: String) throws { _ = try attempt(ddl) { session.execute(ddl) } }

    func notify(_ signal: Signal) throws {
        _ = try rows("SELECT pg_notify(\(raw: PostgresSignals.quotedChannel), \(signal.name))")
    }

    private func attempt(_ sql: String, _ work: () throws -> PostgresAnswer) throws -> PostgresAnswer {
        if let failure { throw failure }
        do {
            let answer = try work()
            guard !answer.isFine else { return answer }
            lostAConflict = SQLState.isWorthRepeating(answer.state)
            // A schema definition may be pages long; the start says which one it was.
            throw DatabaseError(SQLState.kind(of: answer.state), answer.message, sql: String(sql.prefix(400)))
        } catch let error as DatabaseError {
            failure = error
            throw error
        }
    }
}
