import GRDB

package import struct Logging.Logger
package import struct Runtime.WallClock
package import class SQL.ClosingGate
package import protocol SQL.Database
package import enum SQL.Dialect
package import struct SQL.Signal
package import class SQL.SignalHub
package import protocol SQL.Transaction

/// A database in one SQLite file, shared by every process of one machine.
///
/// WAL with several readers, whose waiting bodies share a snapshot (see ``SharedReads``); one writer whose waiting bodies share a COMMIT (see ``GroupCommit``). What `write` answered
/// survives a power cut: the writer runs with `synchronous = FULL`.
package final class SQLiteDatabase: Database {
    package let dialect = Dialect.sqlite

    let commits: GroupCommit

    private let engine: any DatabaseWriter
    /// Nil for a database in memory, which has one connection for everything.
    private let reads: SharedReads?
    private let watch: CommitWatch?
    private let hub = SignalHub()
    private let gate = ClosingGate()
    private let logger: Logger

    /// Opens or creates the file at `path`, readable by its owner alone.
    ///
    /// Blocks for as long as opening a file takes.
    ///
    /// - Parameter lockTimeout: how long to wait for another process that writes, before ``DatabaseError/Kind/conflict``.
    /// Errors: ``DatabaseError/Kind/unreachable`` with a sentence that says
    /// what to do: the folder is missing, the file is no database or unreadable, or it lies on a network file system.
    package init(
        path: String, lockTimeout: Duration = .seconds(5), clock: WallClock = .system,
        logger: Logger = Logger(label: "sqlite")
    ) throws {
        try SQLiteFile.prepare(path)
        do {
            let pool = try DatabasePool(path: path, configuration: Self.configuration(lockTimeout))
            // GRDB sets NORMAL when it switches to WAL, after its prepare hook: a power cut could take commits back.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            self.engine = pool
            var configuration = Self.configuration(lockTimeout)
            configuration.readonly = true
            configuration.label = "sqlite-reader"
            self.reads = try SharedReads(path: path, configuration: configuration, count: 8, logger: logger)
        } catch {
            throw SQLiteFile.explain(error, path: path)
        }
        self.watch = CommitWatch(path: path, hub: hub, clock: clock, logger: logger)
        self.commits = GroupCommit(writer: engine, hub: hub, logger: logger)
        self.logger = logger
    }

    private init(inMemory queue: DatabaseQueue, logger: Logger) {
        self.engine = queue
        self.reads = nil
        self.watch = nil
        self.commits = GroupCommit(writer: queue, hub: hub, logger: logger)
        self.logger = logger
    }

    /// A database that lives and dies with this value; for tests. Reads and writes take turns on one connection.
    package static func inMemory(logger: Logger = Logger(label: "sqlite")) throws -> SQLiteDatabase {
        do {
            return SQLiteDatabase(
                inMemory: try DatabaseQueue(configuration: configuration(.seconds(5))), logger: logger)
        } catch {
            throw SQLiteFile.explain(error, path: ":memory:")
        }
    }

    // For those who never closed it: the watch's task would hold its connection for ever.
    deinit {
        hub.close()
        watch?.cancel()
    }

    package func read<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws
        -> Value
    {
        try gate.enter()
        defer { gate.leave() }
        guard let reads else {
            return try await engine.read { connection in
                let transaction = SQLiteTransaction(connection, mode: .reading)
                return try transaction.value(of: body)
            }
        }
        return try await withCheckedThrowingContinuation { continuation in
            reads.add(
                WaitingRead(
                    run: { transaction in continuation.resume(with: Result { try transaction.value(of: body) }) },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    @discardableResult
    package func write<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws
        -> Value
    {
        try gate.enter()
        defer { gate.leave() }
        return try await withCheckedThrowingContinuation { continuation in
            commits.add(
                WaitingWrite(
                    run: { transaction in
                        let value = try body(transaction)
                        return { continuation.resume(returning: value) }
                    },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    @discardableResult
    package func writeAlone<Value: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Value
    ) async throws -> Value {
        // BEGIN IMMEDIATE lets one process write at a time, and its snapshot is the newest.
        try await write(body)
    }

    package func wakeUps(_ signal: Signal) -> AsyncStream<Void> {
        let stream = hub.listen(to: signal)
        if !gate.isClosed { watch?.start() }
        return stream
    }

    package func close() async {
        await gate.close()
        hub.close()
        await watch?.stop()
        do {
            try reads?.close()
            try engine.close()
        } catch { logger.error("The database file could not be closed: \(error)") }
    }

    private static func configuration(_ lockTimeout: Duration) -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(lockTimeout / .seconds(1))
        configuration.foreignKeysEnabled = true
        configuration.label = "sqlite"
        return configuration
    }
}
