import Domain
import Foundation
import Logging
import Redis
import Runtime
import TestSupport
import Testing

@testable import Buildman

@Suite("Redis orchestrator", .timeLimit(.minutes(2))) struct RedisOrchestratorTests {
    typealias Contract = OrchestratorContractTests

    static func keys(_ client: RedisClient) async throws -> [String] {
        try await client.command(["KEYS", "*"]).array?.compactMap(\.text).filter { !$0.contains("probe") }.sorted()
            ?? []
    }

    @Test("keys, lifetimes and values are Quay's, with the attempt in the name") func layout() async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let orchestrator = try stage.orchestrator()
        let client = try stage.client()
        try await Contract.running([orchestrator]) {
            await orchestrator.put(Contract.record(2), expiresAt: Contract.soon(60))
            let job = "buildman/test/building/1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f-2"
            while try await Self.keys(client).count < 3 {}
            #expect(try await Self.keys(client) == [job, job + "/expiring", "buildman/test/jobs"])
            let expiring = try #require(try await client.command(["PTTL", job + "/expiring"]).integer)
            #expect((50_000...60_000).contains(expiring))
            let kept = try #require(try await client.command(["PTTL", job]).integer)
            #expect((86_450_000...86_460_000).contains(kept))
            let value = try #require(try await client.command(["GET", job]).text)
            let expected =
                #"{"attempt":2,"created_at":1700000000,"execution_id":"1","executor_name":"local","#
                + #""job_queue_item":{"body":"{\"build_uuid\":\"1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f\"}","id":7},"#
                + #""max_expiration":1700007200}"#
            #expect(value == expected)
            await orchestrator.move(Contract.record(2).key, expiresAt: Contract.soon(60))
            while try await client.command(["GET", job]).text?.contains("last_heartbeat") != true {}
        }
    }

    @Test("events alone tell of expiries where they come") func eventsOnly() async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let client = try stage.client()
        try await client.command(["CONFIG", "SET", "notify-keyspace-events", "Elg"])
        let orchestrator = try stage.orchestrator(fastSweep: .milliseconds(20))
        try await Contract.running([orchestrator]) {
            // Switched on, and what others had asked for is still there.
            while try await client.command(["CONFIG", "GET", "notify-keyspace-events"]).fields?.values.first?
                .contains("K") != true
            {}
            let flags = try await client.command(["CONFIG", "GET", "notify-keyspace-events"]).fields?.values.first
            #expect(Set(flags ?? "") == Set("ElgKx"))
            // The slow look comes once an hour here: after the probe has been heard, events do it.
            var iterator = orchestrator.expiries.makeAsyncIterator()
            for attempt in 1...3 {
                await orchestrator.put(Contract.record(attempt), expiresAt: Contract.soon(0.2))
                #expect(await iterator.next() == Contract.record(attempt).key)
                await orchestrator.remove(Contract.record(attempt).key)
            }
        }
    }

    @Test(
        "after FLUSHALL a job is there again as soon as its builder is heard, or somebody looks",
        arguments: [true, false])
    func flush(_ isHeard: Bool) async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let orchestrator = try stage.orchestrator(slowSweep: isHeard ? .seconds(3600) : .milliseconds(100))
        let client = try stage.client()
        try await Contract.running([orchestrator]) {
            await orchestrator.put(Contract.record(1), expiresAt: Contract.soon(60))
            while try await Self.keys(client).count < 3 {}
            try await client.command(["FLUSHALL"])
            if isHeard { await orchestrator.move(Contract.record(1).key, expiresAt: Contract.soon(60)) }
            while try await Self.keys(client).count < 3 {}
        }
    }

    @Test(
        "while the server is away nobody waits for it, and afterwards everything is there again",
        arguments: [false, true])
    func restart(_ startsAway: Bool) async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let server = try #require(stage.server)
        let client = try stage.client()
        if startsAway { try await server.kill() }
        let orchestrator = try stage.orchestrator()
        try await Contract.running([orchestrator]) {
            await orchestrator.put(Contract.record(1), expiresAt: Contract.soon(3600))
            await orchestrator.put(Contract.record(2), expiresAt: Contract.soon(3600))
            if !startsAway {
                while try await Self.keys(client).count < 5 {}
                try await server.kill()
            }
            let begun = ContinuousClock.now
            for attempt in 1...1000 {
                await orchestrator.move(Contract.record(1).key, expiresAt: Contract.soon(3600))
                await orchestrator.put(Contract.record(attempt + 2), expiresAt: Contract.soon(3600))
                await orchestrator.remove(Contract.record(attempt + 2).key)
            }
            await orchestrator.remove(Contract.record(2).key)
            #expect(ContinuousClock.now - begun < .seconds(2))
            try await server.restart()
            let again = try stage.client()
            while try await Self.keys(again).count < 3 {}
            #expect(try await Self.keys(again).filter { $0.contains("building") }.allSatisfy { $0.contains("-1") })
            // Its events come again, too.
            await orchestrator.move(Contract.record(1).key, expiresAt: Contract.soon(0.1))
            var iterator = orchestrator.expiries.makeAsyncIterator()
            #expect(await iterator.next() == Contract.record(1).key)
        }
    }

    @Test("a server that was started anew while there was nothing to write is asked for events again")
    func restartedIdle() async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let server = try #require(stage.server)
        let orchestrator = try stage.orchestrator()
        try await Contract.running([orchestrator]) {
            for _ in 1...2 {
                let client = try stage.client()
                while try await client.command(["CONFIG", "GET", "notify-keyspace-events"]).fields?.values.first?
                    .contains("K") != true
                {}
                try await server.restart()
            }
        }
    }

    @Test("a server that hangs holds up nobody") func hanging() async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let server = try #require(stage.server)
        let orchestrator = try stage.orchestrator()
        try await Contract.running([orchestrator]) {
            await orchestrator.put(Contract.record(1), expiresAt: Contract.soon(3600))
            server.freeze()
            let begun = ContinuousClock.now
            for _ in 1...1000 { await orchestrator.move(Contract.record(1).key, expiresAt: Contract.soon(3600)) }
            #expect(ContinuousClock.now - begun < .seconds(2))
            server.thaw()
            let client = try stage.client()
            while try await Self.keys(client).count < 3 {}
        }
    }

    @Test("each change of the connection's state is said once") func log() async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let server = try #require(stage.server)
        let lines = LogLines()
        var settings = RedisOrchestrator.Settings(connection: try #require(stage.connection), prefix: "x/")
        settings.pause = .milliseconds(10)
        settings.fastSweep = .milliseconds(10)
        let orchestrator = try RedisOrchestrator(
            settings, instance: "one:1/a", clock: .system, logger: Logger(label: "test") { _ in lines })
        try await Contract.running([orchestrator]) {
            await orchestrator.put(Contract.record(1), expiresAt: Contract.soon(3600))
            while lines.count(of: "kept in Redis") < 1 { await Task.yield() }
            try await server.kill()
            while lines.count(of: "Redis is away") < 1 {
                await orchestrator.move(Contract.record(1).key, expiresAt: Contract.soon(3600))
            }
            for _ in 1...100 {
                await orchestrator.move(Contract.record(1).key, expiresAt: Contract.soon(3600))
                try await WallClock.system.sleep(for: .milliseconds(2))
            }
            try await server.restart()
            while lines.count(of: "Redis is back") < 1 { await Task.yield() }
        }
        #expect(lines.count(of: "kept in Redis") == 1)
        #expect(lines.count(of: "Redis is away") == 1)
        #expect(lines.count(of: "Redis is back") == 1)
        // The connection's own complaints would be a second way of saying it.
        #expect(lines.all.allSatisfy { !$0.contains("interrupted") && !$0.contains("broke") }, "\(lines.all)")
    }

    @Test("a name that is none of ours in the set of jobs is thrown away") func foreignNames() async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let client = try stage.client()
        try await client.command([
            "SADD", stage.prefix + "jobs", "rubbish", "", "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f-9",
        ])
        let orchestrator = try stage.orchestrator()
        try await Contract.running([orchestrator]) {
            while try await client.command(["SCARD", stage.prefix + "jobs"]).integer != 0 {}
        }
    }

    @Test(
        "flags that others set stay, and what is missing is added",
        arguments: [
            ("", "Kx"), ("Kx", "Kx"), ("AKE", "AKE"), ("AE", "AEK"), ("Elg", "ElgKx"), ("Kg", "Kgx"), ("Ex", "ExK"),
        ])
    func flags(_ current: String, _ wanted: String) { #expect(KeyspaceFlags.withExpiry(current) == wanted) }

    @Test(
        "only the event of a job of this prefix and database names a job",
        arguments: [
            ("__keyspace@0__:p/building/1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f-3/expiring", true),
            ("__keyspace@1__:p/building/1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f-3/expiring", false),
            ("__keyspace@0__:q/building/1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f-3/expiring", false),
            ("__keyspace@0__:p/building/1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f-3", false),
            ("__keyspace@0__:p/building/1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f/expiring", false),
            ("__keyspace@0__:p/building//expiring", false), ("__keyspace@0__:p/building/expiring", false), ("", false),
        ])
    func channels(_ channel: String, _ isJob: Bool) {
        let keys = RedisJobKeys(prefix: "p/", database: 0)
        #expect((keys.job(ofChannel: channel) == Contract.record(3).key) == isJob)
    }
}

/// What a logger was told, for a test to count.
struct LogLines: LogHandler {
    private let lines = Box<[String]>([])
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    var all: [String] { lines.value }
    func count(of text: String) -> Int { all.filter { $0.contains(text) }.count }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.change { $0.append("\(event.message)") } }
}
