import SQL
import TestSupport
import Testing

@testable import SQLiteDriver

@Suite("Group commit") struct GroupCommitTests {
    /// A file with the contract's counter, and a way to make several bodies wait for one group.
    private struct Bench {
        let folder: TemporaryFolder
        let database: SQLiteDatabase

        init() async throws {
            folder = try TemporaryFolder()
            database = try SQLiteDatabase(path: folder.path("test.db"))
            try await database.write {
                try $0.execute(
                    ddl: """
                        CREATE TABLE counter (id INTEGER PRIMARY KEY, value INTEGER, filling BLOB);
                        CREATE TABLE late (id INTEGER REFERENCES counter (id) DEFERRABLE INITIALLY DEFERRED);
                        INSERT INTO counter (id, value) VALUES (1, 0), (2, 0), (3, 0)
                        """)
            }
        }

        /// Runs `bodies` in one group, in this order, and answers what became of each.
        func together(
            _ bodies: [@Sendable (any Transaction) throws -> Void]
        ) async throws -> [DatabaseError.Kind?] {
            let barrier = Barrier()
            async let blocker: Void = database.write { _ in barrier.wait() }
            await barrier.untilArrived()
            let tasks = await bodies.enumerated().asyncMap { position, body in
                let task = Task { () -> DatabaseError.Kind? in
                    do { try await database.write(body) } catch let error as DatabaseError { return error.kind }
                    return nil
                }
                while database.commits.waitingCount <= position { await Task.yield() }
                return task
            }
            barrier.release()
            try await blocker
            return try await tasks.asyncMap { try await $0.value }
        }

        func values() async throws -> [Int64] {
            try await database.read {
                try $0.rows("SELECT value FROM counter ORDER BY id").map { try $0.integer("value") }
            }
        }
    }

    @Test("answers all bodies of a group, after the last has run") func order() async throws {
        let bench = try await Bench()
        let events = Shared<[String]>([])
        let barrier = Barrier()
        async let blocker: Void = bench.database.write { _ in barrier.wait() }
        await barrier.untilArrived()
        for name in ["a", "b", "c"] {
            bench.database.commits.add(
                WaitingWrite(
                    run: { _ in
                        events.change { $0.append("run \(name)") }
                        return { events.change { $0.append("answer \(name)") } }
                    }, fail: { _ in events.change { $0.append("fail \(name)") } }))
        }
        barrier.release()
        try await blocker
        // Bodies are served in order: when this one is answered, so are the three.
        try await bench.database.write { _ in }
        #expect(events.value == ["run a", "run b", "run c", "answer a", "answer b", "answer c"])
    }

    @Test("takes one COMMIT for the bodies that wait together") func oneCommit() async throws {
        let bench = try await Bench()
        let other = try SQLiteDatabase(path: bench.folder.path("test.db"))
        let seen = Shared<Set<[Int64]>>([])
        let body: @Sendable (Int) -> @Sendable (any Transaction) throws -> Void = { id in
            { try $0.run("UPDATE counter SET value = 1 WHERE id = \(id)") }
        }
        let watching = Task {
            while !Task.isCancelled {
                let values = try await other.read {
                    try $0.rows("SELECT value FROM counter ORDER BY id").map { try $0.integer("value") }
                }
                seen.change { $0.insert(values) }
            }
        }
        #expect(try await bench.together([body(1), body(2), body(3)]) == [nil, nil, nil])
        watching.cancel()
        _ = await watching.result
        #expect(seen.value.isSubset(of: [[0, 0, 0], [1, 1, 1]]))
        #expect(try await bench.values() == [1, 1, 1])
    }

    @Test("a body that fails takes nothing of its neighbours along") func neighbours() async throws {
        let bench = try await Bench()
        let outcome = try await bench.together([
            { try $0.run("UPDATE counter SET value = 1 WHERE id = 1") },
            { transaction in
                try transaction.run("UPDATE counter SET value = 99 WHERE id = 2")
                try transaction.run("INSERT INTO counter (id) VALUES (1)")
            },
            { try $0.run("UPDATE counter SET value = value + 1 WHERE id IN (2, 3)") },
        ])
        #expect(outcome == [nil, .uniqueViolation, nil])
        #expect(try await bench.values() == [1, 1, 1])
    }

    @Test("a deferred rule fails the body that broke it alone") func deferredRule() async throws {
        let bench = try await Bench()
        let outcome = try await bench.together([
            { try $0.run("UPDATE counter SET value = 1 WHERE id = 1") },
            { transaction in
                try transaction.run("UPDATE counter SET value = 99 WHERE id = 2")
                try transaction.run("INSERT INTO late (id) VALUES (77)")
            },
            { try $0.run("UPDATE counter SET value = 1 WHERE id = 3") },
        ])
        #expect(outcome == [nil, .foreignKeyViolation, nil])
        #expect(try await bench.values() == [1, 0, 1])
    }

    @Test("a full disk fails the body that filled it alone") func diskFull() async throws {
        let bench = try await Bench()
        let pages = try await bench.database.write { transaction in
            let pages = try transaction.number("PRAGMA page_count") ?? 0
            return try transaction.number("PRAGMA max_page_count = 12") ?? pages
        }
        #expect(pages == 12)
        let outcome = try await bench.together([
            { try $0.run("UPDATE counter SET value = 1 WHERE id = 1") },
            { transaction in
                try transaction.run("UPDATE counter SET value = 99 WHERE id = 2")
                try transaction.run("UPDATE counter SET filling = zeroblob(1000000) WHERE id = 2")
            },
            { try $0.run("UPDATE counter SET value = 1 WHERE id = 3") },
        ])
        #expect(outcome == [nil, .diskFull, nil])
        #expect(try await bench.values() == [1, 0, 1])
    }

    @Test("more bodies than fit into one group are all served") func largeQueue() async throws {
        let bench = try await Bench()
        let body: @Sendable (any Transaction) throws -> Void = {
            try $0.run("UPDATE counter SET value = value + 1 WHERE id = 1")
        }
        let bodies = Array(repeating: body, count: GroupCommit.largestGroup * 2 + 1)
        #expect(try await bench.together(bodies).allSatisfy { $0 == nil })
        #expect(try await bench.values() == [Int64(bodies.count), 0, 0])
    }

    @Test("says so when another process keeps the file locked") func locked() async throws {
        let bench = try await Bench()
        let impatient = try SQLiteDatabase(path: bench.folder.path("test.db"), lockTimeout: .milliseconds(20))
        let barrier = Barrier()
        async let blocker: Void = bench.database.write { _ in barrier.wait() }
        await barrier.untilArrived()
        let error = await #expect(throws: DatabaseError.self) { try await impatient.write { _ in } }
        #expect(error?.kind == .conflict)
        barrier.release()
        try await blocker
        try await impatient.write { _ in }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
