import PostgresDriver
import SQL
import TestSupport
import Testing

/// What PostgreSQL and the network between can do to us.
@Suite("PostgreSQL that fails") struct PostgresFailureTests {
    private static let cutOthers: Query = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        """

    @Test("broken connections are replaced, and bodies run again") func brokenConnections() async throws {
        let database = try await TestDatabase.Engine.postgres.makeWithTables()
        let other = try database.another()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { _ = try await database.value(ofCounter: 1) } }
            try await group.waitForAll()
        }
        _ = try await other.read { try $0.rows(Self.cutOthers) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in 10..<30 {
                group.addTask {
                    _ = try await database.write { try $0.run("INSERT INTO counter (id, value) VALUES (\(id), 0)") }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.counterCount() == 21)
    }

    @Test("a connection that breaks in the middle of a body takes its changes along") func brokenInside() async throws {
        let database = try await TestDatabase.Engine.postgres.makeWithTables()
        let runs = Shared(0)
        try await database.write { transaction in
            runs.change { $0 += 1 }
            try transaction.run("INSERT INTO counter (id, value) VALUES (2, 0)")
            if runs.value == 1 { _ = try transaction.rows("SELECT pg_terminate_backend(pg_backend_pid())") }
        }
        #expect(runs.value == 2)
        #expect(try await database.counterCount() == 2)
    }

    @Test("a COMMIT without an answer is told, not repeated") func unknownOutcome() async throws {
        let database = try await TestDatabase.Engine.postgres.makeWithTables()
        try await database.write {
            try $0.execute(
                ddl: """
                    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
                    CREATE CONSTRAINT TRIGGER deadly AFTER INSERT ON counter DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION die()
                    """)
        }
        let runs = Shared(0)
        let error = await #expect(throws: DatabaseError.self) {
            try await database.write { transaction in
                runs.change { $0 += 1 }
                try transaction.run("INSERT INTO counter (id, value) VALUES (2, 0)")
            }
        }
        #expect(error?.kind == .unreachable)
        #expect(error?.message.contains("not known") == true, "\(String(describing: error))")
        #expect(runs.value == 1)
        // The next one finds a connection again.
        #expect(try await database.value(ofCounter: 1) == 0)
    }

    @Test("a read that loses its connection, even at its end, runs again", .timeLimit(.minutes(1))) func readsSurvive()
        async throws
    {
        let database = try await TestDatabase.Engine.postgres.makeWithTables()
        let other = try database.another()
        let reads = Shared(0)
        let reading = Task<Void, any Error> {
            while !Task.isCancelled {
                let value = try await database.value(ofCounter: 1)
                #expect(value == 0)
                reads.change { $0 += 1 }
            }
        }
        // Again and again, so that every moment of a read's life is met; a read is allowed two new connections.
        for _ in 1...50 {
            let before = reads.value
            while reads.value == before { await Task.yield() }
            _ = try await other.read { try $0.rows(Self.cutOthers) }
        }
        reading.cancel()
        try await reading.value
    }

    @Test("listeners are woken after their connection was cut, for what they may have missed")
    func listenersReconnect() async throws {
        let database = try await TestDatabase.Engine.postgres.makeWithTables()
        let other = try database.another()
        let progress = Shared(Int64(0))
        let listening = Task {
            for await _ in database.wakeUps(Signal("work_arrived")) {
                let value = try await database.value(ofCounter: 1) ?? 0
                progress.change { $0 = value }
                if value == 2 { return }
            }
        }
        try await other.write { transaction in
            try transaction.run("UPDATE counter SET value = 1 WHERE id = 1")
            try transaction.notify(Signal("work_arrived"))
        }
        while progress.value < 1 { await Task.yield() }
        try await other.write { transaction in
            _ = try transaction.rows(Self.cutOthers)
            try transaction.run("UPDATE counter SET value = 2 WHERE id = 1")
            try transaction.notify(Signal("work_arrived"))
        }
        #expect(try await ends(within: .seconds(30)) { try await listening.value })
    }

    @Test("no more connections than the pool's size are open") func poolSize() async throws {
        let storage = try await TestDatabase.postgres()
        let database = try PostgresDatabase(url: storage.uri, poolSize: 3)
        let open = try await withThrowingTaskGroup(of: Int64?.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    try await database.read {
                        try $0.number("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()")
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1 ?? 0) }
        }
        #expect(open.allSatisfy { (1...3).contains($0) })
        await database.close()
    }

    @Test("a deferred rule that COMMIT finds broken has its kind") func deferredRule() async throws {
        let database = try await TestDatabase.Engine.postgres.makeWithTables()
        try await database.write {
            try $0.execute(
                ddl: "CREATE TABLE late (id BIGINT REFERENCES counter (id) DEFERRABLE INITIALLY DEFERRED)")
        }
        let error = await #expect(throws: DatabaseError.self) {
            try await database.write { try $0.run("INSERT INTO late (id) VALUES (99)") }
        }
        #expect(error?.kind == .foreignKeyViolation)
    }

    @Test(
        "SEC-Secrets shown to readers: a bad or unreachable URL is refused without its password",
        arguments: [
            "", "mysql://u:topsecret@h/db", "host=h password=topsecret", "postgresql://u:topsecret%zz@h/db",
            "postgresql://u:topsecret@h/db?nonsense=1", "postgresql://u:topsecret@h:port/db",
            "postgresql://u:topsecret@/db?host=/nonexistent", "postgresql://u:topsecret@[::1/db",
        ])
    func badURL(_ url: String) async throws {
        let error = await #expect(throws: DatabaseError.self) {
            try await PostgresDatabase(url: url).read { _ in }
        }
        #expect(error?.kind == .unreachable)
        #expect(error?.message.contains("topsecret") == false, "\(String(describing: error))")
    }

    @Test("a pool whose server can't be reached answers every caller") func unreachable() async throws {
        let database = try PostgresDatabase(url: "postgresql:///db?host=/nonexistent", poolSize: 2)
        let failures = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    do {
                        try await database.read { _ in }
                        return false
                    } catch { return true }
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(failures == 10)
    }
}
