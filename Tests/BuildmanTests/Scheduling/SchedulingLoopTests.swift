import BuildProtocol
import Domain
import Foundation
import Runtime
import SQL
import TestSupport
import Testing

@testable import Buildman
@testable import RegistryCore

/// A whole manager whose executors are played: who is asked for what, and what becomes of builds that nobody starts.
@Suite("Scheduling", .timeLimit(.minutes(2))) struct SchedulingLoopTests {
    typealias Rule = ExecutorSelection.Rule

    static var quick: BuildAttemptService.Timing {
        var timing = BuildAttemptService.Timing()
        (timing.startDelay, timing.retryDelay) = (.milliseconds(10), .milliseconds(10))
        return timing
    }

    static func retries(_ manager: ManagerFixture) async throws -> Int64? {
        try await manager.database.read { try $0.number("SELECT retries_remaining FROM queue_item") }
    }

    @Test("a build queued by another process starts at once, whatever the poll", arguments: TestDatabase.allEngines)
    func eventDriven(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        try await ManagerFixture.prepare(database)
        let manager = try await ManagerFixture(database: database, capacity: 9, pollInterval: .seconds(3600))
        let registry = try await ManagerFixture(database: try database.another())
        var repositories = ["owner/app"]
        for number in 1...4 {
            repositories.append("other/r\(number)")
            try await manager.addRepository("other/r\(number)")
        }
        let names = repositories
        try await manager.run { _ in
            var times: [Duration] = []
            for repository in names {
                let start = ContinuousClock.now
                let uuid = try await registry.request(in: repository)
                #expect(try await manager.nextLaunch().key.buildUUID == uuid)
                times.append(ContinuousClock.now - start)
            }
            print("from a request to the start call (\(engine)): \(times.dropFirst())")
        }
    }

    @Test("a lost wake-up costs no more than the poll", arguments: TestDatabase.allEngines)
    func lostWakeUp(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        try await ManagerFixture.prepare(database)
        let manager = try await ManagerFixture(
            database: database, pollInterval: .milliseconds(50), listening: DeafDatabase(base: database))
        try await manager.run { _ in
            let uuid = try await manager.request()
            #expect(try await manager.nextLaunch().key.buildUUID == uuid)
        }
    }

    @Test("a start that fails goes to the next executor, under an attempt of its own") func failover() async throws {
        let (first, second) = (ScriptedExecutor("first"), ScriptedExecutor("second"))
        await first.fail(with: ExecutorFailure("no room"))
        let manager = try await ManagerFixture(executors: [first, second])
        let uuid = try await manager.request()
        try await manager.run { client in
            let launch = try await manager.nextLaunch(on: second)
            #expect(launch.key == JobKey(buildUUID: uuid, attempt: 2))
            // What the first one may have started is ended before the second is asked.
            #expect(await first.stopped == [JobKey(buildUUID: uuid, attempt: 1)])
            let token = try await BuildManagerServiceTests.register(launch, client).jobJwt
            #expect(try await client.setPhase(BuildManagerServiceTests.phase(.complete, 1, token)).success)
        }
        #expect(try await manager.phase(uuid) == "complete")
    }

    @Test("the guide's example: the third launch falls to the second executor") func guide() async throws {
        let first = ScriptedExecutor("kubernetes", rule: Rule(minimumRetryThreshold: 1))
        let second = ScriptedExecutor("ec2")
        let manager = try await ManagerFixture(attemptTiming: Self.quick, executors: [first, second])
        let uuid = try await manager.request()
        try await manager.run { client in
            for executor in [first, first, second] {
                let launch = try await manager.nextLaunch(on: executor)
                _ = try await BuildManagerServiceTests.register(launch, client)
                await executor.end(launch.key, "the node is gone")
                await manager.supervisor.untilIdle()
            }
        }
        #expect(try await manager.phase(uuid) == "expired")
        #expect(await first.calls.count == 2)
        #expect(await second.calls.count == 1)
    }

    @Test("builders that end before they register make the next launch go elsewhere") func badImage() async throws {
        let (first, second) = (ScriptedExecutor("first"), ScriptedExecutor("second"))
        let manager = try await ManagerFixture(attemptTiming: Self.quick, executors: [first, second])
        let uuid = try await manager.request()
        try await manager.run { client in
            for _ in 1...2 {
                let launch = try await manager.nextLaunch(on: first)
                await first.end(launch.key, "ImagePullBackOff")
                await manager.supervisor.untilIdle()
            }
            let launch = try await manager.nextLaunch(on: second)
            let token = try await BuildManagerServiceTests.register(launch, client).jobJwt
            #expect(try await client.setPhase(BuildManagerServiceTests.phase(.complete, 1, token)).success)
        }
        #expect(try await manager.phase(uuid) == "complete")
    }

    @Test("a start call that hangs delays no other build") func hanging() async throws {
        let gate = Gate()
        let slow = ScriptedExecutor("slow", rule: Rule(namespaceWhitelist: ["owner"]))
        let fast = ScriptedExecutor("fast")
        await slow.hang(until: gate)
        let manager = try await ManagerFixture(executors: [slow, fast], capacity: 2)
        try await manager.addRepository("other/app")
        let stuck = try await manager.request()
        let other = try await manager.request(in: "other/app")
        try await manager.run { _ in
            let first = try await manager.nextLaunch(on: slow)
            #expect(first.key.buildUUID == stuck)
            #expect(try await manager.nextLaunch(on: fast).key == JobKey(buildUUID: other, attempt: 1))
            #expect(try await manager.phase(stuck) == "waiting")
            await gate.open()
        }
    }

    @Test("a start call that takes too long is given up, and what it starts after all is stopped")
    func tooLong() async throws {
        let gate = Gate()
        let (slow, fast) = (ScriptedExecutor("slow"), ScriptedExecutor("fast"))
        await slow.hang(until: gate)
        let manager = try await ManagerFixture(executors: [slow, fast], startTimeout: .milliseconds(100))
        let uuid = try await manager.request()
        let late = JobKey(buildUUID: uuid, attempt: 1)
        try await manager.run { _ in
            #expect(try await manager.nextLaunch(on: slow).key == late)
            #expect(try await manager.nextLaunch(on: fast).key == JobKey(buildUUID: uuid, attempt: 2))
            // Stopped before the next executor was asked: it may be there.
            #expect(await slow.stopped == [late])
            await gate.open()
            // The call comes back, with a builder that nobody waits for any more.
            while await slow.stopped != [late, late] { try await WallClock.system.sleep(for: .milliseconds(5)) }
        }
    }

    @Test("with no executor that works builds wait, keep their launches, and are not taken again and again")
    func nobody() async throws {
        let executor = ScriptedExecutor()
        await executor.fail(with: ExecutorFailure("connection refused"))
        let manager = try await ManagerFixture(
            attemptTiming: Self.quick, executors: [executor], capacity: 5,
            health: .init(failureThreshold: 2, pause: .milliseconds(200), maximumPause: .milliseconds(200)))
        for number in 1...10 {
            try await manager.addRepository("owner/r\(number)")
            _ = try await manager.request(in: "owner/r\(number)")
        }
        try await manager.run { _ in
            // Until the executor has been tried again twice after its first pause.
            while await executor.calls.count < 9 { try await WallClock.system.sleep(for: .milliseconds(5)) }
            // From now on each pause is one call, however many builds wait.
            let (before, start) = (await executor.calls.count, ContinuousClock.now)
            try await WallClock.system.sleep(for: .milliseconds(800))
            let calls = await executor.calls.count - before
            #expect(calls <= Int((ContinuousClock.now - start) / .milliseconds(200)) + 1)
            #expect(
                try await manager.database.read {
                    try $0.number("SELECT COUNT(*) FROM queue_item WHERE retries_remaining = 3 AND available = 1")
                } ?? 0 >= 9)
            await executor.fail(with: nil)
            _ = try await manager.nextLaunch()
        }
    }

    @Test("with ALLOWED_WORKER_COUNT 0, or every place kept, nothing is started", arguments: [(0, 0), (1, 1), (1, 5)])
    func noPlaces(_ allowed: Int, _ kept: Int) async throws {
        let executor = ScriptedExecutor()
        await executor.keep(kept)
        let manager = try await ManagerFixture(
            executors: [executor], capacity: allowed, pollInterval: .milliseconds(20))
        _ = try await manager.request()
        try await manager.run { _ in
            try await WallClock.system.sleep(for: .milliseconds(200))
            #expect(await executor.calls.isEmpty)
            #expect(try await Self.retries(manager) == 3)
            guard allowed > 0 else { return }
            await executor.keep(0)
            _ = try await manager.nextLaunch()
        }
    }
}

/// A database whose wake-ups never come.
private struct DeafDatabase: Database {
    let base: TestDatabase
    var dialect: Dialect { base.dialect }

    func read<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws -> Value {
        try await base.read(body)
    }
    func write<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws -> Value {
        try await base.write(body)
    }
    func writeAlone<Value: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Value
    ) async throws -> Value { try await base.writeAlone(body) }
    func wakeUps(_ signal: Signal) -> AsyncStream<Void> { AsyncStream { _ in } }
    func close() async { await base.close() }
}
