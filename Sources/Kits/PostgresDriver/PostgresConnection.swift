import CPostgres
import Dispatch
import Glibc

import struct SQL.DatabaseError
import protocol SQL.Transaction

/// A session with a thread of its own: whoever waits for the server blocks no thread of Swift's pool.
actor PostgresConnection {
    /// How a body's transaction began.
    enum Mode {
        case reading, writing
        /// After having lost too often: no other write runs meanwhile, in any process.
        case undisturbed
        /// No other body of this kind runs meanwhile; writes do.
        case alone
    }

    /// What came of one attempt to run a body.
    enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        /// The error is the caller's to handle; nothing was changed.
        case failed(any Error)
        /// Another transaction won; nothing was changed.
        case conflict(DatabaseError)
        /// The connection broke before COMMIT was sent; nothing was changed.
        case broken(DatabaseError)
    }

    /// Serialises `writeAlone` between processes; any number that nobody else is likely to use in this database.
    private static let aloneKey: Int64 = 0x5265_6769_7374_7279
    /// Shared by all writes, and held alone by one that is not to be disturbed.
    private static let writersKey: Int64 = 0x5265_6769_7374_7757

    private nonisolated let executor: QueueExecutor
    private let session: PostgresSession

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Connects, on the new connection's own thread.
    static func open(url: String) async throws -> PostgresConnection {
        let opener = Opener(executor: QueueExecutor())
        return try await opener.open(url: url)
    }

    fileprivate init(executor: QueueExecutor, session: sending PostgresSession) {
        self.executor = executor
        self.session = session
    }

    /// Runs `body` once, and says whether this connection may be used again.
    func run<Value: Sendable>(
        _ mode: Mode, _ body: @Sendable (any Transaction) throws -> Value
    ) -> (outcome: Outcome<Value>, isUsable: Bool) {
        let key: Int64? =
            switch mode {
            case .reading, .writing: nil
            case .undisturbed: Self.writersKey
            case .alone: Self.aloneKey
            }
        // Before the transaction begins: what it sees must be what the lock's last holder left.
        if let key, let failure = command("SELECT pg_advisory_lock(\(key))") {
            return (session.isBroken ? .broken(failure) : .failed(failure), false)
        }
        let outcome = attempt(mode, body)
        var isUsable = !session.isBroken && session.isIdle
        if let key, isUsable {
            // A connection that can't give the lock back must go: the server then frees it.
            isUsable = command("SELECT pg_advisory_unlock(\(key))") == nil
        }
        return (outcome, isUsable)
    }

    /// Hands on what arrives on the signals' channel until `stop` is readable, and blocks this connection meanwhile.
    ///
    /// - Parameters:
    ///   - ready: called once nothing can be missed any more.
    ///   - heard: gets the name of each signal.
    /// Errors: ``DatabaseError/Kind/unreachable`` when the connection broke.
    func listen(
        until stop: StopPipe, ready: @Sendable () -> Void, heard: @Sendable (_ name: String) -> Void
    ) throws {
        if let failure = command("LISTEN \(PostgresSignals.channel)") { throw failure }
        ready()
        while true {
            for name in try session.takeNotifications() { heard(name) }
            var waits = [
                pollfd(fd: session.socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop.reader, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&waits, 2, -1) >= 0 || errno == EINTR else {
                throw DatabaseError(.unreachable, "Waiting for PostgreSQL failed: \(String(cString: strerror(errno)))")
            }
            if waits[1].revents != 0 { return }
        }
    }

    private func attempt<Value: Sendable>(
        _ mode: Mode, _ body: @Sendable (any Transaction) throws -> Value
    ) -> Outcome<Value> {
        if let failure = command(Self.begin(mode)) { return session.isBroken ? .broken(failure) : .failed(failure) }
        let transaction = PostgresTransaction(session, mode: mode)
        let value: Value
        do {
            value = try body(transaction)
            // A body that caught the failure of a statement can't be committed either.
            if let failure = transaction.failure { throw failure }
        } catch {
            if session.isBroken {
                return .broken(transaction.failure ?? DatabaseError(.unreachable, session.lastMessage))
            }
            // When this fails the connection is not idle, and the pool replaces it.
            _ = command("ROLLBACK")
            if transaction.isWorthRepeating, let failure = transaction.failure {
                return .conflict(DatabaseError(.conflict, failure.message, sql: failure.sql))
            }
            return .failed(error)
        }
        return commit(value, mode)
    }

    private static func begin(_ mode: Mode) -> String {
        let write = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE"
        return switch mode {
        case .reading: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        // One round trip. Who waits here for an undisturbed write may lose to it afterwards, and runs again.
        case .writing: "\(write); SELECT pg_advisory_xact_lock_shared(\(writersKey))"
        case .undisturbed, .alone: write
        }
    }

    private func commit<Value: Sendable>(_ value: Value, _ mode: Mode) -> Outcome<Value> {
        let answer = session.execute("COMMIT")
        if answer.isFine {
            guard answer.commandTag == "COMMIT" else {
                return .failed(DatabaseError(.statement, "PostgreSQL rolled back instead of committing."))
            }
            return .done(value)
        }
        if session.isBroken || answer.state == nil {
            // What was only read may be read again.
            if mode == .reading { return .broken(DatabaseError(.unreachable, session.lastMessage)) }
            return .failed(
                DatabaseError(
                    .unreachable,
                    "The connection to PostgreSQL broke during COMMIT: whether the change was kept is not known "
                        + "(\(session.lastMessage))."))
        }
        let failure = DatabaseError(SQLState.kind(of: answer.state), answer.message, sql: "COMMIT")
        return SQLState.isConflict(answer.state) ? .conflict(failure) : .failed(failure)
    }

    private func command(_ sql: String) -> DatabaseError? {
        let answer = session.execute(sql)
        guard !answer.isFine else { return nil }
        return DatabaseError(SQLState.kind(of: answer.state), answer.message, sql: sql)
    }
}

/// Makes a session on the thread that will use it.
private actor Opener {
    private nonisolated let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(executor: QueueExecutor) { self.executor = executor }

    func open(url: String) throws -> PostgresConnection {
        PostgresConnection(executor: executor, session: try PostgresSession(url: url))
    }
}

/// Runs an actor on a dispatch queue of its own, where blocking is allowed.
final class QueueExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "postgres")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}

/// Wakes a thread that waits in `poll`.
final class StopPipe: Sendable {
    let reader: Int32
    private let writer: Int32

    /// Errors: ``DatabaseError/Kind/unreachable`` when the process has no descriptors left.
    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw DatabaseError(.unreachable, "No pipe could be made: \(String(cString: strerror(errno)))")
        }
        // A process that is started between the two calls inherits a harmless descriptor (Swift can't see pipe2).
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        self.reader = ends[0]
        self.writer = ends[1]
    }

    deinit {
        close(reader)
        close(writer)
    }

    /// From now on the reader is readable.
    func stop() {
        var byte: UInt8 = 1
        // A full pipe is readable as well.
        _ = write(writer, &byte, 1)
    }
}
