import CPostgres
package import SQL

package import struct Logging.Logger
package import struct Runtime.Randomness
package import struct Runtime.WallClock

/// A PostgreSQL database behind a pool of connections.
///
/// Reads are REPEATABLE READ READ ONLY, writes SERIALIZABLE; a write that meets another one runs again, with growing,
/// jittered pauses. See docs/decisions/0011-serializable-writes-with-retries.md.
package final class PostgresDatabase: Database {
    package let dialect = Dialect.postgres

    private let pool: PostgresPool
    private let signals: PostgresSignals
    private let hub = SignalHub()
    private let gate = ClosingGate()
    private let clock: WallClock
    private let randomness: Randomness

    /// Connects only when the first call needs it.
    ///
    /// - Parameters:
    ///   - url: `postgresql://user:pass@host:port/name?sslmode=…`, as libpq takes it.
    ///   - poolSize: how many connections at most, besides the one that listens for signals.
    /// Errors: ``DatabaseError/Kind/unreachable`` when the URL is none.
    package init(
        url: String, poolSize: Int = 10, clock: WallClock = .system, randomness: Randomness = .system,
        logger: Logger = Logger(label: "postgres")
    ) throws {
        try Self.check(url)
        self.pool = PostgresPool(url: url, size: max(1, poolSize))
        self.signals = PostgresSignals(url: url, hub: hub, clock: clock, logger: logger)
        self.clock = clock
        self.randomness = randomness
    }

    // For those who never closed it: the listener's task would hold its connection for ever.
    deinit {
        hub.close()
        signals.cancel()
    }

    package func read<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws
        -> Value
    {
        try await run(.reading, body)
    }

    @discardableResult
    package func write<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws
        -> Value
    {
        try await run(.writing, body)
    }

    @discardableResult
    package func writeAlone<Value: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Value
    ) async throws -> Value {
        try await run(.alone, body)
    }

    package func wakeUps(_ signal: Signal) -> AsyncStream<Void> {
        let stream = hub.listen(to: signal)
        if !gate.isClosed { signals.start() }
        return stream
    }

    package func close() async {
        await gate.close()
        hub.close()
        await signals.stop()
        await pool.close()
    }

    private func run<Value: Sendable>(
        _ mode: PostgresConnection.Mode, _ body: @escaping @Sendable (any Transaction) throws -> Value
    ) async throws -> Value {
        try gate.enter()
        defer { gate.leave() }
        var retries = RetryRule()
        while true {
            let connection: PostgresConnection
            do { connection = try await pool.take() } catch {
                // Where the old connection broke, a new one may break as well; a server that is away is told at once.
                guard retries.reconnections > 0, retries.mayReconnect() else { throw error }
                continue
            }
            let isLoser = mode == .writing && retries.conflicts >= RetryRule.conflictsBeforeUndisturbed
            let (outcome, isUsable) = await connection.run(isLoser ? .undisturbed : mode, body)
            await pool.give(back: connection, isUsable: isUsable)
            switch outcome {
            case .done(let value): return value
            case .failed(let error): throw error
            case .conflict(let error):
                guard let longest = retries.pauseAfterConflict() else { throw error }
                // Full jitter: two that collided don't meet again.
                try await clock.sleep(for: .microseconds(randomness.integer(in: 0...longest)))
            case .broken(let error):
                guard retries.mayReconnect() else { throw error }
            }
        }
    }

    /// Errors never repeat the URL: it holds a password.
    private static func check(_ url: String) throws {
        guard url.hasPrefix("postgresql://") || url.hasPrefix("postgres://") else {
            throw DatabaseError(.unreachable, "The database URL does not begin with postgresql://.")
        }
        var message: UnsafeMutablePointer<CChar>?
        let options = PQconninfoParse(url, &message)
        PQfreemem(message)
        guard options != nil else {
            throw DatabaseError(
                .unreachable,
                "The database URL is not of the form postgresql://user:password@host:port/name?sslmode=…: "
                    + "are special characters of the password written as %XX, and the options known to libpq?")
        }
        PQconninfoFree(options)
    }
}
