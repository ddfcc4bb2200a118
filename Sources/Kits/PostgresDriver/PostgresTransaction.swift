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
    /// Whether that failure was another transaction's doing, so that the same body may succeed in its next run.
    private(set) var isWorthRepeating = false

    private let session: PostgresSession
    private let canWrite: Bool

    init(_ session: PostgresSession, mode: PostgresConnection.Mode) {
        self.session = session
        self.canWrite = mode != .reading
    }

    func rows(_ query: Query) throws -> [Row] { try attempt(query.sql) { try session.execute(query) }.rows }

    func run(_ query: Query) throws -> Int { try attempt(query.sql) { try session.execute(query) }.changedRows }

    func execute(ddl: String) throws { _ = try attempt(ddl) { session.execute(ddl) } }

    func notify(_ signal: Signal) throws {
        if let failure { throw failure }
        guard canWrite else { throw DatabaseError(.statement, "A reading transaction can't notify.") }
        _ = try rows("SELECT pg_notify(\(PostgresSignals.channel), \(signal.name))")
    }

    private func attempt(_ sql: String, _ work: () throws -> PostgresAnswer) throws -> PostgresAnswer {
        if let failure { throw failure }
        do {
            let answer = try work()
            guard !answer.isFine else { return answer }
            isWorthRepeating = SQLState.isConflict(answer.state) || answer.isStale
            // A schema definition may be pages long; the start says which one it was.
            throw DatabaseError(SQLState.kind(of: answer.state), answer.message, sql: String(sql.prefix(400)))
        } catch let error as DatabaseError {
            failure = error
            throw error
        }
    }
}
