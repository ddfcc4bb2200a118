import Domain
import Foundation
import Runtime
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Fair shares of the build queue") struct FairShareTests {
    static let now = WorkQueueTests.now

    static func put(_ repository: String, _ count: Int = 1, in transaction: any Transaction) throws {
        let name = QueueName.builds(of: try RepositoryName(repository))
        for number in 1...count {
            try WorkQueue.put(
                "\(repository) \(number)", to: name, retries: 3, stateID: Identifiers.system.uuid(), now: now,
                in: transaction)
        }
    }

    static func claim(
        at moment: Date = now, admitting admits: (QueueItem) -> Bool = { _ in true }, in transaction: any Transaction
    ) throws -> QueueItem? {
        try WorkQueue.claim(
            .dockerfileBuild, for: .seconds(60), order: .fairShare, at: moment, stateID: Identifiers.system.uuid(),
            admitting: admits, in: transaction)
    }

    @Test("turns go round between namespaces, and within one to the oldest", arguments: TestDatabase.allEngines)
    func turns(_ engine: TestDatabase.Engine) async throws {
        let database = try await WorkQueueTests.database(engine)
        let bodies = try await database.write { transaction in
            try Self.put("big/a", 3, in: transaction)
            try Self.put("big/b", 3, in: transaction)
            try Self.put("small/a", 2, in: transaction)
            try Self.put("tiny/a", in: transaction)
            var bodies: [String] = []
            // One worker: each build ends before the next begins.
            for second in 0..<9 {
                let item = try #require(try Self.claim(at: WorkQueueTests.after(Double(second)), in: transaction))
                bodies.append(item.body)
                try WorkQueue.complete(item.claim, in: transaction)
            }
            return bodies
        }
        #expect(
            bodies == [
                "big/a 1", "small/a 1", "tiny/a 1", "big/a 2", "small/a 2", "big/a 3", "big/b 1", "big/b 2", "big/b 3",
            ])
    }

    @Test("the namespace with the fewest running builds comes first", arguments: TestDatabase.allEngines)
    func fewestRunning(_ engine: TestDatabase.Engine) async throws {
        let database = try await WorkQueueTests.database(engine)
        let bodies = try await database.write { transaction in
            for repository in ["big/a", "big/b", "big/c", "small/a", "small/b"] {
                try Self.put(repository, in: transaction)
            }
            return try (0..<6).map { _ in try Self.claim(in: transaction)?.body }
        }
        #expect(bodies == ["big/a 1", "small/a 1", "big/b 1", "small/b 1", "big/c 1", nil])
    }

    @Test(
        "nothing overtakes an older build of its repository that waits to be tried again",
        arguments: TestDatabase.allEngines)
    func keepsOrder(_ engine: TestDatabase.Engine) async throws {
        let database = try await WorkQueueTests.database(engine)
        try await database.write { transaction in
            try Self.put("ns/a", 2, in: transaction)
            let first = try #require(try Self.claim(in: transaction))
            try WorkQueue.incomplete(
                first.claim, availableAfter: WorkQueueTests.after(30), restoringRetry: false, stateID: "x",
                in: transaction)
            #expect(try Self.claim(at: WorkQueueTests.after(29), in: transaction) == nil)
            let again = try #require(try Self.claim(at: WorkQueueTests.after(30), in: transaction))
            #expect(again.id == first.id)
            try WorkQueue.complete(again.claim, in: transaction)
            #expect(try Self.claim(at: WorkQueueTests.after(30), in: transaction)?.body == "ns/a 2")
        }
    }

    @Test("what has run out of launches holds nobody up", arguments: TestDatabase.allEngines)
    func exhausted(_ engine: TestDatabase.Engine) async throws {
        let database = try await WorkQueueTests.database(engine)
        try await database.write { transaction in
            try Self.put("ns/a", 2, in: transaction)
            for launch in 0..<3 {
                // Its holder is dead each time: the claim runs out.
                let moment = WorkQueueTests.after(Double(launch) * 60)
                #expect(try Self.claim(at: moment, in: transaction)?.body == "ns/a 1")
                #expect(try Self.claim(at: moment.addingTimeInterval(59), in: transaction) == nil)
            }
            #expect(try Self.claim(at: WorkQueueTests.after(180), in: transaction)?.body == "ns/a 2")
        }
    }

    @Test(
        "what is refused stays, and others get their turn however many are refused",
        arguments: TestDatabase.allEngines)
    func refused(_ engine: TestDatabase.Engine) async throws {
        let database = try await WorkQueueTests.database(engine)
        try await database.write { transaction in
            for number in 1...(ClaimRule.candidateLimit + 5) { try Self.put("ns/r\(number)", in: transaction) }
            try Self.put("zz/last", in: transaction)
            let item = try #require(try Self.claim(admitting: { $0.lane == "zz" }, in: transaction))
            #expect(item.body == "zz/last 1")
            #expect(try Self.claim(admitting: { _ in false }, in: transaction) == nil)
            let last = "ns/r\(ClaimRule.candidateLimit + 5) 1"
            #expect(try Self.claim(admitting: { $0.body == last }, in: transaction)?.body == last)
        }
    }

    /// Random queues, and what the rule says of them, against what the database answers.
    @Test("the database's choice is the rule's", arguments: TestDatabase.allEngines, 1...6)
    func agreesWithTheRule(_ engine: TestDatabase.Engine, _ seed: Int) async throws {
        let database = try await WorkQueueTests.database(engine)
        let states = (0..<60).map { number in
            // A fixed sequence: the same queue at every run.
            (0..<6).map { (number * 7919 + $0 * 104_729 + seed * 31_337) / (3 + $0 * 5) % 97 }
        }
        try await database.write { transaction in
            var served: [String: Date] = [:]
            for state in states {
                let lane = "ns\(state[0] % 4)"
                try Self.put("\(lane)/r\(state[1] % 5)", in: transaction)
                if state[2] % 3 == 0 {
                    served[lane] = WorkQueueTests.after(Double(state[3]))
                    try WorkQueue.serve(
                        lane, of: .dockerfileBuild, at: WorkQueueTests.after(Double(state[3])), in: transaction)
                }
            }
            let ids = try transaction.rows("SELECT id FROM queue_item ORDER BY id").map { try $0.integer("id") }
            for (id, state) in zip(ids, states) {
                let isAvailable = state[4] % 4 != 0
                let expires: Date? = isAvailable ? nil : WorkQueueTests.after(Double(state[5] - 30))
                try transaction.run(
                    """
                    UPDATE queue_item SET available = \(isAvailable), processing_expires_ms = \(expires),
                        available_after_ms = \(WorkQueueTests.after(Double(state[3] - 60))),
                        retries_remaining = \(state[2] % 3) WHERE id = \(id)
                    """)
            }
            let rule = ClaimRule(at: Self.now, order: .fairShare)
            for _ in 0..<20 {
                let items = try ids.compactMap { try WorkQueue.find($0, in: transaction) }
                let expected = rule.choose(among: items, served: served, chance: 0)
                let item = try Self.claim(in: transaction)
                #expect(item?.id == expected?.id)
                guard let item else { break }
                served[item.lane] = Self.now
            }
        }
    }

    @Test("nineteen small namespaces hardly notice one with a thousand builds", arguments: TestDatabase.allEngines)
    func share(_ engine: TestDatabase.Engine) async throws {
        let database = try await WorkQueueTests.database(engine)
        let small = (1...19).map { "small\($0)" }
        let alone = try await database.write { try Self.waits(of: small, beside: 0, in: $0) }
        let shared = try await database.write { try Self.waits(of: small, beside: 1000, in: $0) }
        let (before, after) = (Self.p95(alone), Self.p95(shared))
        print("p95 wait of small namespaces (\(engine)): \(before) s alone, \(after) s beside 1000 builds")
        #expect(alone.count == 190 && shared.count == 190)
        #expect(after <= 2 * before)
    }

    /// The waits of the small namespaces' builds, in seconds of a simulated farm with ten workers; 10 builds in two
    /// repositories each, queued after everything of the big one.
    private static func waits(
        of small: [String], beside big: Int, in transaction: any Transaction
    ) throws -> [Double] {
        for number in 0..<big { try put("big/r\(number % 50)", in: transaction) }
        for namespace in small { for number in 0..<10 { try put("\(namespace)/r\(number % 2)", in: transaction) } }
        var (running, waits): ([(end: Double, item: QueueItem)], [Double]) = ([], [])
        var (time, started) = (0.0, 0)
        while started < big + small.count * 10 {
            while running.count < 10 {
                let item = try WorkQueue.claim(
                    .dockerfileBuild, for: .seconds(600), order: .fairShare, at: WorkQueueTests.after(time),
                    stateID: "s\(started)", in: transaction)
                guard let item else { break }
                if item.lane != "big" { waits.append(time) }
                running.append((time + 40 + Double(started * 7919 % 60), item))
                started += 1
            }
            running.sort { $0.end < $1.end }
            let next = running.removeFirst()
            time = next.end
            try WorkQueue.complete(next.item.claim, in: transaction)
        }
        for last in running { try WorkQueue.complete(last.item.claim, in: transaction) }
        return waits
    }

    private static func p95(_ waits: [Double]) -> Double { waits.sorted()[waits.count * 95 / 100] }

    @Test("a decision among ten thousand builds takes milliseconds", arguments: TestDatabase.allEngines)
    func quick(_ engine: TestDatabase.Engine) async throws {
        let database = try await WorkQueueTests.database(engine)
        try await database.write { transaction in
            for namespace in 0..<100 { try Self.put("ns\(namespace)/r", 10, in: transaction) }
            for repository in 0..<100 { try Self.put("big/r\(repository)", 90, in: transaction) }
        }
        if engine == .postgres { try await database.write { try $0.execute(ddl: "ANALYZE queue_item") } }
        let rule = ClaimRule(at: Self.now, order: .fairShare)
        var times: [Duration] = []
        for _ in 0..<20 {
            let start = ContinuousClock.now
            let items = try await database.read {
                try WorkQueue.candidates(.dockerfileBuild, rule, { _ in true }, in: $0)
            }
            times.append(ContinuousClock.now - start)
            #expect(items.count == ClaimRule.candidateLimit)
        }
        times.sort()
        print("a decision among 10,000 items (\(engine)): quickest \(times[0]), median \(times[10])")
        // The quickest, and generous: this machine may have much else to do. A look at every pair would take many seconds.
        #expect(times[0] < .seconds(1))
    }

    @Test(
        "items of an older version are given their lanes, and the exhausted ones go",
        arguments: TestDatabase.allEngines)
    func migration(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        let before = Schema.migrations.prefix { $0.number < queueLanesMigration.number }
        try await Migrator(product: "test", migrations: Array(before)).migrate(database)
        let rows: [(String, String, Int, Int)] = [
            ("dockerfilebuild", "dockerfilebuild/ns/team/app/", 3, 1), ("dockerfilebuild", "odd", 1, 1),
            ("dockerfilebuild", "dockerfilebuild/ns/app/", 0, 1), ("dockerfilebuild", "dockerfilebuild/ns/b/", 0, 0),
            ("notification", "notification/ns/app/", 0, 1),
        ]
        try await database.write { transaction in
            for (root, name, retries, available) in rows {
                try transaction.run(
                    """
                    INSERT INTO queue_item (root, queue_name, body, available_after_ms, retries_remaining, available,
                        state_id, created_ms) VALUES (\(root), \(name), '', 0, \(retries), \(available), 's', 0)
                    """)
            }
        }
        try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
        let lanes = try await database.read {
            try $0.rows("SELECT queue_name, lane FROM queue_item ORDER BY id").map {
                "\(try $0.text("queue_name")) \(try $0.text("lane"))"
            }
        }
        #expect(
            lanes == ["dockerfilebuild/ns/team/app/ ns", "odd ", "dockerfilebuild/ns/b/ ns", "notification/ns/app/ "])
    }
}
