import SQL
import TestSupport
import Testing

/// What both engines promise about wake-ups; runs once on each.
@Suite("Wake-ups") struct SignalContractTests {
    private static let work = Signal("work_arrived")

    @Test("come within a second, from another program as from this one", arguments: TestDatabase.allEngines)
    func arrive(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        for sender in [database, try database.another()] {
            var delays: [Duration] = []
            // A busy machine may be slow once; it is not slow five times.
            for round in 1...5 where delays.allSatisfy({ $0 >= .seconds(1) }) {
                let expected = try await database.value(ofCounter: 1).map { $0 + Int64(round) }
                let listening = Task {
                    // As a queue's worker does: look after each wake-up.
                    for await _ in database.wakeUps(Self.work)
                    where try await database.value(ofCounter: 1) == expected { return }
                }
                let start = ContinuousClock.now
                try await sender.write { transaction in
                    try transaction.run("UPDATE counter SET value = \(expected) WHERE id = 1")
                    try transaction.notify(Self.work)
                }
                #expect(try await ends(within: .seconds(20)) { try await listening.value })
                delays.append(start.duration(to: .now))
            }
            #expect((delays.min() ?? .seconds(20)) < .seconds(1))
        }
    }

    @Test("that come while the listener is busy are kept", arguments: TestDatabase.allEngines)
    func areKept(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let other = try database.another()
        var wakeUps = database.wakeUps(Self.work).makeAsyncIterator()
        for expected in 1...5 {
            // Nobody iterates now.
            try await other.write { transaction in
                try transaction.run("UPDATE counter SET value = \(expected) WHERE id = 1")
                try transaction.notify(Self.work)
            }
            while try await database.value(ofCounter: 1) != Int64(expected) { await wakeUps.next() }
            await wakeUps.next()
        }
    }

    @Test("reach every listener", arguments: TestDatabase.allEngines)
    func reachAll(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let listeners = [database, database, try database.another()].map { listener in
            Task {
                for await _ in listener.wakeUps(Self.work)
                where try await listener.value(ofCounter: 1) == 9 { return }
            }
        }
        try await database.write { transaction in
            try transaction.run("UPDATE counter SET value = 9 WHERE id = 1")
            try transaction.notify(Self.work)
        }
        for listener in listeners { #expect(try await ends(within: .seconds(20)) { try await listener.value }) }
    }

    @Test("hold nothing of a database that nobody closed", arguments: TestDatabase.allEngines)
    func holdNothing(_ engine: TestDatabase.Engine) async throws {
        var database: TestDatabase? = try await engine.make()
        let wakeUps = try #require(database).wakeUps(Self.work)
        database = nil
        // Ends when the database went away with its last user.
        for await _ in wakeUps {}
    }

    @Test("end when the listener is cancelled or the database closes", arguments: TestDatabase.allEngines)
    func end(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        let cancelled = Task { for await _ in database.wakeUps(Self.work) {} }
        cancelled.cancel()
        await cancelled.value
        let closed = Task { for await _ in database.wakeUps(Self.work) {} }
        await database.close()
        await closed.value
        for await _ in database.wakeUps(Self.work) { Issue.record("a closed database woke somebody") }
    }
}
