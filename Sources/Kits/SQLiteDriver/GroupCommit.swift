import GRDB
import Synchronization

import struct Logging.Logger
import struct SQL.DatabaseError
import class SQL.SignalHub
import protocol SQL.Transaction

/// A `write` whose body waits for the writer.
struct WaitingWrite: Sendable {
    /// Runs the body; what it returns answers the caller, and is called after the COMMIT only.
    let run: @Sendable (any Transaction) throws -> @Sendable () -> Void
    /// Answers the caller with an error.
    let fail: @Sendable (any Error) -> Void
}

/// Lets the bodies that wait share one COMMIT: a disk sync costs milliseconds, a body microseconds.
///
/// Each body runs in a savepoint of its own, so that one that throws takes nothing of its neighbours along. All are
/// answered after the COMMIT; when it fails, all of them fail.
final class GroupCommit: Sendable {
    /// Bounds how long the first body of a group waits for the last.
    static let largestGroup = 64

    private struct State {
        var waiting: [WaitingWrite] = []
        var isDraining = false
    }

    private struct Done {
        let write: WaitingWrite
        let answer: @Sendable () -> Void
        let signals: Set<String>
    }

    private let state = Mutex(State())
    private let writer: any DatabaseWriter
    private let hub: SignalHub
    private let logger: Logger

    init(writer: any DatabaseWriter, hub: SignalHub, logger: Logger) {
        self.writer = writer
        self.hub = hub
        self.logger = logger
    }

    /// How many bodies wait for a group of their own.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func add(_ write: WaitingWrite) {
        let mustStart = state.withLock { state in
            state.waiting.append(write)
            defer { state.isDraining = true }
            return !state.isDraining
        }
        guard mustStart else { return }
        writer.asyncWriteWithoutTransaction { connection in
            while let group = self.nextGroup() { self.commit(group, on: connection) }
        }
    }

    private func nextGroup() -> [WaitingWrite]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isDraining = false
                return nil
            }
            let group = Array(state.waiting.prefix(Self.largestGroup))
            state.waiting.removeFirst(group.count)
            return group
        }
    }

    private func commit(_ group: [WaitingWrite], on connection: GRDB.Database) {
        do { try connection.beginTransaction(.immediate) } catch {
            for write in group { write.fail(SQLiteFailure.translate(error, sql: nil, mode: .writing)) }
            return
        }
        var done: [Done] = []
        for (position, write) in group.enumerated() {
            do {
                done.append(try run(write, on: connection))
            } catch {
                write.fail(SQLiteFailure.translate(error, sql: nil, mode: .writing))
                guard !connection.isInsideTransaction else { continue }
                // Some errors (a full disk) make SQLite roll back everything. The others did nothing wrong: again.
                let others = done.map(\.write) + group[(position + 1)...]
                if !others.isEmpty { commit(others, on: connection) }
                return
            }
        }
        finish(done, on: connection)
    }

    private func run(_ write: WaitingWrite, on connection: GRDB.Database) throws -> Done {
        let transaction = SQLiteTransaction(connection, mode: .writing)
        try connection.cachedStatement(sql: "SAVEPOINT body").execute()
        do {
            let answer = try write.run(transaction)
            try transaction.requireUnbroken()
            try connection.cachedStatement(sql: "RELEASE SAVEPOINT body").execute()
            return Done(write: write, answer: answer, signals: Set(transaction.signals.map(\.name)))
        } catch {
            if connection.isInsideTransaction {
                undo(connection) {
                    try $0.execute(sql: "ROLLBACK TO SAVEPOINT body")
                    try $0.execute(sql: "RELEASE SAVEPOINT body")
                }
            }
            throw error
        }
    }

    private func finish(_ done: [Done], on connection: GRDB.Database) {
        do { try connection.commit() } catch {
            if connection.isInsideTransaction { undo(connection) { try $0.rollback() } }
            let failure = SQLiteFailure.translate(error, sql: "COMMIT", mode: .writing)
            if done.count > 1, let failure = failure as? DatabaseError, failure.kind.isConstraint {
                // A deferred rule was broken by one of them: each by itself, to find out by which.
                for one in done { commit([one.write], on: connection) }
            } else {
                for one in done { one.write.fail(failure) }
            }
            return
        }
        for one in done { one.answer() }
        for name in done.reduce(into: Set<String>(), { $0.formUnion($1.signals) }) { hub.wake(named: name) }
    }

    /// Goes back to a clean connection; where even that fails the whole transaction goes.
    private func undo(_ connection: GRDB.Database, _ step: (GRDB.Database) throws -> Void) {
        do { try step(connection) } catch {
            logger.error("A rollback failed: \(error)")
            do { try connection.rollback() } catch { logger.error("The transaction could not be ended: \(error)") }
        }
    }
}
