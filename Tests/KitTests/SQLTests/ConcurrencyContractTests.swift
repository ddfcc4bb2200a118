import Glibc
import SQL
import TestSupport
import Testing

/// What both engines promise to those who meet in one database; runs once on each.
@Suite("Concurrent use of a database") struct ConcurrencyContractTests {
    @Test("a body that throws is rolled back alone", arguments: TestDatabase.allEngines)
    func rollsBackAlone(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
            for id in 100..<160 {
                group.addTask {
                    do {
                        try await database.write { transaction in
                            try transaction.run("INSERT INTO counter (id, value) VALUES (\(id), \(id))")
                            // Three ways to fail among those that succeed.
                            if id % 4 == 1 { throw Refusal() }
                            if id % 4 == 2 { try transaction.run("INSERT INTO counter (id, value) VALUES (1, 0)") }
                            if id % 4 == 3 { try transaction.run("INSERT INTO child (counter_id) VALUES (0)") }
                        }
                        return false
                    } catch is Refusal {
                        return true
                    } catch let error as DatabaseError {
                        #expect([.uniqueViolation, .foreignKeyViolation].contains(error.kind))
                        return true
                    }
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(refused == 45)
        let kept = try await database.read {
            try $0.rows("SELECT id FROM counter WHERE id >= 100 ORDER BY id").map { try $0.int("id") }
        }
        #expect(kept == Array(stride(from: 100, to: 160, by: 4)))
    }

    @Test("what was answered is there for everybody", arguments: TestDatabase.allEngines)
    func answeredIsVisible(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let other = try database.another()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in 10..<40 {
                group.addTask {
                    try await database.write { try $0.run("INSERT INTO counter (id, value) VALUES (\(id), \(id))") }
                    #expect(try await other.value(ofCounter: id) == Int64(id))
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("no update is lost between writers of one row", .timeLimit(.minutes(2)), arguments: TestDatabase.allEngines)
    func noLostUpdate(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let other = try database.another()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                let mine = writer.isMultiple(of: 2) ? database : other
                group.addTask {
                    for _ in 0..<100 {
                        try await mine.write { transaction in
                            let value = try transaction.number("SELECT value FROM counter WHERE id = 1") ?? -1
                            try transaction.run("UPDATE counter SET value = \(value + 1) WHERE id = 1")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.value(ofCounter: 1) == 800)
    }

    @Test("a slow writer wins among quick ones", .timeLimit(.minutes(1)), arguments: TestDatabase.allEngines)
    func slowWriterWins(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let isOver = Shared(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                let other = try database.another()
                group.addTask {
                    while !isOver.value {
                        try await other.write { try $0.run("UPDATE counter SET value = value + 1 WHERE id = 1") }
                    }
                }
            }
            defer { isOver.change { $0 = true } }
            // Work of 30 ms between reading and writing: somebody has always been quicker.
            try await database.write { transaction in
                let value = try transaction.number("SELECT value FROM counter WHERE id = 1") ?? -1
                usleep(30_000)
                try transaction.run("UPDATE counter SET value = \(value + 1) WHERE id = 1")
            }
        }
    }

    @Test("two writers never decide on what the other is changing", arguments: TestDatabase.allEngines)
    func noWriteSkew(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let other = try database.another()
        try await database.write { transaction in
            for id in 10..<20 { try transaction.run("INSERT INTO counter (id, value) VALUES (\(id), 1)") }
        }
        // Each may leave as long as another one stays; all at once must not empty the table.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in 10..<20 {
                let mine = id.isMultiple(of: 2) ? database : other
                group.addTask {
                    try await mine.write { transaction in
                        let present = try transaction.number("SELECT COUNT(*) FROM counter WHERE value = 1") ?? 0
                        if present > 1 { try transaction.run("UPDATE counter SET value = 0 WHERE id = \(id)") }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.read { try $0.number("SELECT COUNT(*) FROM counter WHERE value = 1") } == 1)
    }

    @Test("a read sees one moment", arguments: TestDatabase.allEngines)
    func readsAreSnapshots(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let barrier = Barrier()
        async let seen = database.read { transaction in
            let before = try transaction.number("SELECT value FROM counter WHERE id = 1")
            barrier.wait()
            return [before, try transaction.number("SELECT value FROM counter WHERE id = 1")]
        }
        await barrier.untilArrived()
        try await database.write { try $0.run("UPDATE counter SET value = 5 WHERE id = 1") }
        barrier.release()
        #expect(try await seen == [0, 0])
        #expect(try await database.value(ofCounter: 1) == 5)
    }

    @Test("more callers than connections all get their turn", arguments: TestDatabase.allEngines)
    func manyCallers(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in 100..<300 {
                group.addTask {
                    _ = try await database.value(ofCounter: 1)
                    try await database.write { try $0.run("INSERT INTO counter (id, value) VALUES (\(id), 0)") }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.counterCount() == 201)
    }

    @Test("one at a time is in writeAlone, and sees what the one before it did", arguments: TestDatabase.allEngines)
    func writeAlone(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let runs = Shared(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                let mine = try database.another()
                group.addTask {
                    try await mine.writeAlone { transaction in
                        runs.change { $0 += 1 }
                        let value = try transaction.number("SELECT value FROM counter WHERE id = 1") ?? -1
                        try transaction.run("UPDATE counter SET value = \(value + 1) WHERE id = 1")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.value(ofCounter: 1) == 6)
        #expect(runs.value == 6, "a body ran again because it met another one")
    }

    @Test("closing waits for what is running; later calls are refused", arguments: TestDatabase.allEngines)
    func closing(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let other = try database.another()
        let barrier = Barrier()
        async let running: Void = database.write { transaction in
            try transaction.run("UPDATE counter SET value = 3 WHERE id = 1")
            barrier.wait()
        }
        await barrier.untilArrived()
        async let closed: Void = database.close()
        barrier.release()
        try await running
        await closed
        await database.close()
        for attempt in [{ _ = try await database.read { _ in } }, { try await database.write { _ in } }] {
            let error = await #expect(throws: DatabaseError.self) { try await attempt() }
            #expect(error?.kind == .closed)
        }
        #expect(try await other.value(ofCounter: 1) == 3)
    }
}
