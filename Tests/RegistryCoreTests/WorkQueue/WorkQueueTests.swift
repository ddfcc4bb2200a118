import Domain
import Foundation
import RegistryCore
import Runtime
import SQL
import TestSupport
import Testing

@Suite("Work queue") struct WorkQueueTests {
    static let now = Date(timeIntervalSince1970: 1_700_000_000)
    static func after(_ seconds: Double) -> Date { now.addingTimeInterval(seconds) }

    static func database(_ engine: TestDatabase.Engine) async throws -> TestDatabase {
        let database = try await engine.make()
        try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
        return database
    }

    static func put(
        _ body: String, _ repository: String, retries: Int = 3, in database: TestDatabase
    ) async throws -> Int64 {
        let name = QueueName.builds(of: try RepositoryName(repository))
        return try await database.write {
            try WorkQueue.put(body, to: name, retries: retries, stateID: Identifiers.system.uuid(), now: now, in: $0)
        }
    }

    static func claim(at moment: Date = now, in database: TestDatabase) async throws -> QueueItem? {
        let stateID = Identifiers.system.uuid()
        return try await database.write {
            try WorkQueue.claim(
                .dockerfileBuild, for: .seconds(60), order: .fairShare, at: moment, stateID: stateID, in: $0)
        }
    }

    @Test("items come oldest first, one at a time of each name", arguments: TestDatabase.allEngines)
    func order(_ engine: TestDatabase.Engine) async throws {
        let database = try await Self.database(engine)
        for (body, repository) in [("1", "ns/a"), ("2", "ns/a"), ("3", "ns/b")] {
            _ = try await Self.put(body, repository, in: database)
        }
        let first = try #require(try await Self.claim(in: database))
        #expect(first.body == "1")
        #expect(first.retriesRemaining == 2)
        #expect(try await Self.claim(in: database)?.body == "3")
        #expect(try await Self.claim(in: database) == nil)
        #expect(try await database.write { try WorkQueue.complete(first.claim, in: $0) })
        #expect(try await Self.claim(in: database)?.body == "2")
    }

    @Test("a claim that ran out is somebody else's, and the old one moves nothing", arguments: TestDatabase.allEngines)
    func staleClaim(_ engine: TestDatabase.Engine) async throws {
        let database = try await Self.database(engine)
        _ = try await Self.put("1", "ns/a", in: database)
        let old = try #require(try await Self.claim(in: database)).claim
        #expect(try await Self.claim(at: Self.after(59), in: database) == nil)
        let new = try #require(try await Self.claim(at: Self.after(60), in: database))
        #expect(new.retriesRemaining == 1)
        #expect(try await database.write { try WorkQueue.complete(old, in: $0) } == false)
        #expect(try await database.write { try WorkQueue.extend(old, until: Self.after(900), in: $0) } == false)
        #expect(
            try await database.write {
                try WorkQueue.incomplete(
                    old, availableAfter: Self.now, restoringRetry: true, stateID: "x", in: $0)
            } == false)
        #expect(try await database.read { try WorkQueue.find(new.id, in: $0) } == new)
    }

    @Test("giving back waits, and restores the retry only where asked", arguments: TestDatabase.allEngines)
    func incomplete(_ engine: TestDatabase.Engine) async throws {
        let database = try await Self.database(engine)
        let id = try await Self.put("1", "ns/a", retries: 1, in: database)
        let first = try #require(try await Self.claim(in: database))
        #expect(try await database.read { try WorkQueue.hasRetriesLeft(id, in: $0) } == false)
        _ = try await database.write {
            try WorkQueue.incomplete(
                first.claim, availableAfter: Self.after(30), restoringRetry: true, stateID: "x", in: $0)
        }
        #expect(try await database.read { try WorkQueue.hasRetriesLeft(id, in: $0) })
        #expect(try await Self.claim(at: Self.after(29), in: database) == nil)
        #expect(
            try await database.read {
                try WorkQueue.nextAvailability(of: .dockerfileBuild, after: Self.now, in: $0)
            } == Self.after(30))
        let second = try #require(try await Self.claim(at: Self.after(30), in: database))
        _ = try await database.write {
            try WorkQueue.incomplete(
                second.claim, availableAfter: Self.after(60), restoringRetry: false, stateID: "y", in: $0)
        }
        #expect(try await Self.claim(at: Self.after(600), in: database) == nil)
        #expect(
            try await database.read {
                try WorkQueue.aliveCount(inLaneOf: .builds(in: Username("ns")), at: Self.now, in: $0)
            } == 0)
    }

    @Test("an extension is written only when it moves the deadline enough", arguments: TestDatabase.allEngines)
    func extend(_ engine: TestDatabase.Engine) async throws {
        let database = try await Self.database(engine)
        let id = try await Self.put("1", "ns/a", in: database)
        let claim = try #require(try await Self.claim(in: database)).claim
        for (seconds, expected) in [(70.0, 60.0), (100, 100), (110, 100)] {
            #expect(try await database.write { try WorkQueue.extend(claim, until: Self.after(seconds), in: $0) })
            #expect(
                try await database.read { try WorkQueue.find(id, in: $0) }?.processingExpires == Self.after(expected))
        }
    }

    @Test(
        "SEC-Query injection: counting under a name takes no character for a wildcard",
        arguments: TestDatabase.allEngines)
    func countsLiterally(_ engine: TestDatabase.Engine) async throws {
        let database = try await Self.database(engine)
        _ = try await Self.put("1", "a_b/app", in: database)
        _ = try await Self.put("2", "axb/app", in: database)
        _ = try await Self.put("3", "a_b2/app", in: database)
        #expect(
            try await database.read {
                try WorkQueue.aliveCount(inLaneOf: .builds(in: Username("a_b")), at: Self.now, in: $0)
            } == 1)
    }

    @Test("many workers share the items, and nobody gets one twice", arguments: TestDatabase.allEngines)
    func race(_ engine: TestDatabase.Engine) async throws {
        let database = try await Self.database(engine)
        let other = try database.another()
        for number in 1...12 { _ = try await Self.put("\(number)", "ns/r\(number)", in: database) }
        let claimed = try await withThrowingTaskGroup(of: [String].self) { group in
            for worker in 0..<6 {
                group.addTask {
                    var mine: [String] = []
                    let database = worker.isMultiple(of: 2) ? database : other
                    while let item = try await Self.claim(in: database) { mine.append(item.body) }
                    return mine
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(claimed.sorted() == (1...12).map(String.init).sorted())
    }

    @Test("putting work wakes who waits for it", arguments: TestDatabase.allEngines)
    func wakes(_ engine: TestDatabase.Engine) async throws {
        let database = try await Self.database(engine)
        let other = try database.another()
        var wakeUps = other.wakeUps(
            QueueRoot.dockerfileBuild.signal, orEvery: .seconds(3600), clock: .system
        ).makeAsyncIterator()
        _ = await wakeUps.next()
        async let woken: Void? = wakeUps.next()
        _ = try await Self.put("1", "ns/a", in: database)
        #expect(await woken != nil)
    }
}
