import Dispatch
import SQL
import Synchronization
import TestSupport

extension TestDatabase.Engine {
    /// A fresh database with the tables that the contract's tests use.
    func makeWithTables() async throws -> TestDatabase {
        let database = try await make()
        try await database.write { transaction in
            let integer = transaction.dialect.integer
            try transaction.execute(
                ddl: """
                    CREATE TABLE counter (
                        id \(integer) PRIMARY KEY, value \(integer) NOT NULL CHECK (value >= 0), name TEXT UNIQUE
                    );
                    CREATE TABLE child (
                        id \(transaction.dialect.identity), counter_id \(integer) NOT NULL REFERENCES counter (id)
                    );
                    INSERT INTO counter (id, value, name) VALUES (1, 0, 'one')
                    """)
        }
        return database
    }
}

extension Database {
    func value(ofCounter id: Int) async throws -> Int64? {
        try await read { try $0.number("SELECT value FROM counter WHERE id = \(id)") }
    }

    func counterCount() async throws -> Int64? {
        try await read { try $0.number("SELECT COUNT(*) FROM counter") }
    }
}

/// What a body throws to be rolled back.
struct Refusal: Error, Equatable {}

/// A body waits here, on its connection's own thread, until the test lets it go on.
final class Barrier: Sendable {
    private let arrived = DispatchSemaphore(value: 0)
    private let released = DispatchSemaphore(value: 0)

    /// For bodies.
    func wait() {
        arrived.signal()
        released.wait()
    }

    func release() { released.signal() }

    /// Returns when a body stands at the barrier.
    func untilArrived() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                self.arrived.wait()
                continuation.resume()
            }
        }
    }
}

/// A value that bodies on other threads change.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    func change(_ body: @Sendable (inout Value) -> Void) { state.withLock { body(&$0) } }
}

/// Whether `work` ends within `limit`; it is cancelled when it doesn't.
func ends(within limit: Duration, _ work: @escaping @Sendable () async throws -> Void) async throws -> Bool {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            try await work()
            return true
        }
        group.addTask {
            try await Task.sleep(for: limit)
            return false
        }
        defer { group.cancelAll() }
        return try await group.next() ?? false
    }
}
