import Domain
import Foundation
import Logging
import Redis
import Runtime
import ServiceLifecycle
import TestSupport
import Testing

@testable import Buildman

/// An orchestrator of each kind, with what it stands on.
enum OrchestratorKind: String, Sendable, CaseIterable {
    case memory
    case redis
    /// TLS with a client certificate, a password, another database and a prefix that looks like a pattern.
    case redisOverTLS
    /// Nobody may ask for key events.
    case redisWithoutConfiguration
    /// There is no CONFIG at all.
    case redisWithoutCommand

    /// Servers for several orchestrators on one and the same state.
    func stage() async throws -> OrchestratorStage {
        switch self {
        case .memory: OrchestratorStage(server: nil, connection: nil)
        case .redis: try await OrchestratorStage(RedisServer())
        case .redisOverTLS: try await OrchestratorStage.overTLS()
        case .redisWithoutConfiguration:
            try await OrchestratorStage(
                RedisServer(["--user", "default", "on", "nopass", "~*", "&*", "+@all", "-config"]))
        case .redisWithoutCommand: try await OrchestratorStage(RedisServer(["--rename-command", "CONFIG", ""]))
        }
    }
}

/// Where orchestrators of several managers meet.
struct OrchestratorStage: Sendable {
    let server: RedisServer?
    let connection: RedisSettings?
    var prefix = "buildman/test/"
    /// Files that the connection names.
    var certificates: TestCertificates?

    init(server: RedisServer?, connection: RedisSettings?) {
        self.server = server
        self.connection = connection
    }

    init(_ server: RedisServer) throws {
        self.init(server: server, connection: try RedisSettings(url: server.url))
    }

    static func overTLS() async throws -> OrchestratorStage {
        let certificates = try await TestCertificates()
        let server = try await RedisServer(["--requirepass", "secret"], certificates: certificates)
        var stage = OrchestratorStage(
            server: server,
            connection: RedisSettings(
                port: server.port, password: "secret", database: 3,
                tls: .init(
                    authorityFile: certificates.authority, certificateFile: certificates.clientCertificate,
                    keyFile: certificates.clientKey)))
        stage.prefix = "a[b]*?\\/"
        stage.certificates = certificates
        return stage
    }

    /// - Parameters:
    ///   - fastSweep: how often is looked where no events come; an hour shows that the events do it.
    func orchestrator(
        _ instance: String = "one:1/a", clock: WallClock = .system, fastSweep: Duration = .milliseconds(50),
        slowSweep: Duration = .seconds(3600)
    ) throws -> any Orchestrator {
        guard let connection else { return MemoryOrchestrator(clock: clock) }
        var settings = RedisOrchestrator.Settings(connection: connection, prefix: prefix)
        settings.pause = .milliseconds(50)
        settings.fastSweep = fastSweep
        settings.slowSweep = slowSweep
        return try RedisOrchestrator(settings, instance: instance, clock: clock, logger: Logger(label: instance))
    }

    /// Another connection to what they meet in.
    func client() throws -> RedisClient { try RedisClient(try #require(connection)) }
}

/// What managers rely on, whichever orchestrator it is.
@Suite("Orchestrators", .timeLimit(.minutes(2))) struct OrchestratorContractTests {
    static func record(_ attempt: Int, executor: String = "local") -> JobRecord {
        JobRecord(
            key: JobKey(buildUUID: "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f", attempt: attempt), queueItemID: 7,
            executor: executor, executionID: "1", createdAt: Date(timeIntervalSince1970: 1_700_000_000),
            deadline: Date(timeIntervalSince1970: 1_700_007_200))
    }

    static func soon(_ seconds: Double = 0.05) -> Date { WallClock.system.now.addingTimeInterval(seconds) }

    /// Runs `orchestrators` while `body` lasts.
    static func running(_ orchestrators: [any Orchestrator], _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for orchestrator in orchestrators { group.addTask { try await orchestrator.run() } }
            try await body()
            group.cancelAll()
        }
    }

    @Test(
        "says when a job's moment has come, and not of jobs that were moved, removed or let go of here",
        arguments: OrchestratorKind.allCases)
    func expiries(_ kind: OrchestratorKind) async throws {
        let stage = try await kind.stage()
        let orchestrator = try stage.orchestrator()
        try await Self.running([orchestrator]) {
            await orchestrator.put(Self.record(1), expiresAt: Self.soon(0.3))
            await orchestrator.put(Self.record(2), expiresAt: Self.soon(0.3))
            await orchestrator.put(Self.record(3), expiresAt: Self.soon(0.5))
            await orchestrator.move(Self.record(1).key, expiresAt: Self.soon(3600))
            await orchestrator.remove(Self.record(2).key)
            await orchestrator.move(Self.record(4).key, expiresAt: Self.soon(0.1))
            var iterator = orchestrator.expiries.makeAsyncIterator()
            #expect(await iterator.next() == Self.record(3).key)
            // Still known: it expires again when it is asked for.
            await orchestrator.move(Self.record(3).key, expiresAt: Self.soon())
            #expect(await iterator.next() == Self.record(3).key)
            await orchestrator.remove(Self.record(3).key)
            await orchestrator.put(Self.record(3), expiresAt: Self.soon(3600))
            // Put again, with another moment; earlier counts, too.
            await orchestrator.put(Self.record(3), expiresAt: Self.soon())
            #expect(await iterator.next() == Self.record(3).key)
        }
    }

    @Test("a job may be moved to an earlier moment, and at once", arguments: OrchestratorKind.allCases)
    func earlier(_ kind: OrchestratorKind) async throws {
        let stage = try await kind.stage()
        let orchestrator = try stage.orchestrator()
        try await Self.running([orchestrator]) {
            await orchestrator.put(Self.record(1), expiresAt: Self.soon(3600))
            await orchestrator.move(Self.record(1).key, expiresAt: Self.soon(0.1))
            var iterator = orchestrator.expiries.makeAsyncIterator()
            #expect(await iterator.next() == Self.record(1).key)
            await orchestrator.move(Self.record(1).key, expiresAt: Self.soon(-5))
            #expect(await iterator.next() == Self.record(1).key)
        }
    }

    static let shared = OrchestratorKind.allCases.filter { $0 != .memory }

    @Test("an expiry is told to one of two managers, also when the one that put the job is dead", arguments: shared)
    func claims(_ kind: OrchestratorKind) async throws {
        let stage = try await kind.stage()
        let dead = try stage.orchestrator("dead:1/d")
        try await Self.running([dead]) {
            for attempt in 1...20 { await dead.put(Self.record(attempt), expiresAt: Self.soon(1)) }
            let client = try stage.client()
            while try await client.command(["SCARD", stage.prefix + "jobs"]).integer != 20 {}
        }
        // A claim whose answer is lost on a busy machine runs out after half a minute, and is found by a look.
        let orchestrators = try ["one:1/a", "two:1/b"].map { try stage.orchestrator($0, slowSweep: .seconds(5)) }
        let told = Box<[JobKey]>([])
        try await Self.running(orchestrators) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for orchestrator in orchestrators {
                    group.addTask {
                        for await key in orchestrator.expiries { told.change { $0.append(key) } }
                    }
                }
                while Set(told.value).count < 20 { try await WallClock.system.sleep(for: .milliseconds(10)) }
                // Whoever looks from now on finds every expiry claimed.
                let client = try stage.client()
                for attempt in 1...20 {
                    let claim = stage.prefix + "building/\(Self.record(attempt).key)/expired"
                    #expect(try await client.command(["EXISTS", claim]).integer == 1)
                }
                group.cancelAll()
            }
        }
        #expect(told.value.count == 20)
    }

    @Test("what another manager goes on with stays, whoever lets go of it", arguments: shared)
    func release(_ kind: OrchestratorKind) async throws {
        let stage = try await kind.stage()
        let (one, two) = (try stage.orchestrator("one:1/a"), try stage.orchestrator("two:1/b"))
        try await Self.running([one, two]) {
            await one.put(Self.record(1), expiresAt: Self.soon(3600))
            let client = try stage.client()
            let job = stage.prefix + "building/\(Self.record(1).key)"
            while try await client.command(["EXISTS", job]).integer != 1 {}
            await two.put(Self.record(1, executor: "of two"), expiresAt: Self.soon(3600))
            while try await client.command(["GET", job]).text?.contains("of two") != true {}
            await one.release(Self.record(1).key)
            // A manager that was told of an expiry moves it for others.
            await one.move(Self.record(1).key, expiresAt: Self.soon(1800))
            while try await client.command(["PTTL", job + "/expiring"]).integer ?? 0 > 1_800_000 {}
            #expect(try await client.command(["EXISTS", job]).integer == 1)
            // Two lets go as well: what it watches it would put again.
            await two.release(Self.record(1).key)
            await one.remove(Self.record(1).key)
            while try await client.command(["EXISTS", job]).integer != 0 {}
            #expect(try await client.command(["SCARD", stage.prefix + "jobs"]).integer == 0)
        }
    }
}
