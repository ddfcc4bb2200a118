/// A database that both programs share: SQLite in a file, or PostgreSQL.
///
/// Bodies are synchronous and run on a connection's own thread; they may run more than once (a conflict makes the
/// driver start again), so they do nothing but SQL and pure computation. Both engines give the guarantees of one
/// serial order: a `read` sees one snapshot, a `write` behaves as if no other ran beside it.
package protocol Database: Sendable {
    var dialect: Dialect { get }

    /// Runs `body` on a snapshot. Many readers at once.
    func read<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws -> Value

    /// Runs `body` in a transaction and returns once it is durable. A thrown error rolls back this body alone, also
    /// where several waiting bodies share one COMMIT.
    @discardableResult
    func write<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws -> Value

    /// Like `write`, while no other process is inside `writeAlone` on this database; for changes of the schema.
    /// What `body` reads is what the one before it has committed.
    @discardableResult
    func writeAlone<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws
        -> Value

    /// Wake-ups of `signal` from any process. One comes right after the start, since what happened before nobody knows.
    /// Ends when the consuming task is cancelled or the database closes.
    /// A wake-up that comes while the consumer is busy is kept (one is enough), never lost.
    func wakeUps(_ signal: Signal) -> AsyncStream<Void>

    /// Waits for what is running and closes; later calls throw ``DatabaseError/Kind/closed``. Safe to call twice.
    func close() async
}
