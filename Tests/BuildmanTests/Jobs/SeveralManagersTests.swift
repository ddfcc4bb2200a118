import BuildProtocol
import Domain
import Foundation
import Logging
import Redis
import Runtime
import SQL
import TestSupport
import Testing

@testable import Buildman
@testable import RegistryCore

/// Two managers on one database, with real connections of agents, and one place where builders run.
@Suite("Several managers", .timeLimit(.minutes(2))) struct SeveralManagersTests {
    typealias Calls = BuildManagerServiceTests

    @Test(
        "when a manager dies, its agent goes on with another: no line lost, none doubled, one outcome",
        arguments: TestDatabase.allEngines)
    func death(_ engine: TestDatabase.Engine) async throws {
        let pair = try await ManagerPair(engine)
        let uuid = try await pair.one.request(["v1"])
        try await pair.two.run { second in
            let kept = Box<String>("")
            try await pair.one.run { first in
                let token = try await Calls.register(pair.one.nextLaunch(), first).jobJwt
                #expect(try await Calls.beat(token, first))
                #expect(try await first.setPhase(Calls.phase(.building, 1, token)).success)
                let lines = (1...3).map { Calls.line($0, #"{"stream":"line \#($0)"}"#, token) }
                #expect(try await Calls.log(lines, first) == [true, true, true])
                kept.set(token)
            }
            // The answers to 2 and 3 never arrived.
            let token = kept.value
            let lines = (2...5).map { Calls.line($0, #"{"stream":"line \#($0)"}"#, token) }
            #expect(try await Calls.log(lines, second) == [true, true, true, true])
            let key = JobKey(buildUUID: uuid, attempt: 1)
            #expect(try await pair.manager(of: key) == "two:1/b")
            #expect(await pair.place.stopped.isEmpty)
            #expect(try await second.setPhase(Calls.phase(.pushing, 2, token)).success)
            #expect(try await second.setPhase(Calls.phase(.complete, 3, token)).success)
            #expect(await pair.place.stopped == [key])
        }
        #expect(try await pair.two.phase(uuid) == "complete")
        let log = try await pair.two.log(uuid).map(\.message)
        #expect(
            log == ["build-scheduled", "building"] + (1...5).map { "line \($0)" } + ["pushing", "complete"])
    }

    @Test("an agent registers with any manager, also before the first has noted where its builder runs")
    func registersElsewhere() async throws {
        let pair = try await ManagerPair()
        let uuid = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { second in
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, second).jobJwt
                #expect(try await Calls.beat(token, second))
                // And goes back to the one that launched it, which never saw it register.
                #expect(try await Calls.beat(token, first))
                #expect(try await first.setPhase(Calls.phase(.complete, 1, token)).success)
                try await pair.two.eventually { try await !Calls.beat(token, second) }
            }
        }
        #expect(try await pair.one.phase(uuid) == "complete")
    }

    @Test("the former manager lets go of a builder that it doesn't hear, and doesn't stop it") func letsGo()
        async throws
    {
        let pair = try await ManagerPair()
        let uuid = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { second in
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, first).jobJwt
                #expect(try await Calls.beat(token, first))
                #expect(try await Calls.beat(token, second))
                // Both hear it: both keep it.
                try await pair.one.supervisor.lookForChanges()
                #expect(await pair.one.supervisor.runs(launch.key))
                pair.one.pass(16)
                #expect(try await Calls.beat(token, second))
                try await pair.one.supervisor.lookForChanges()
                #expect(await !pair.one.supervisor.runs(launch.key))
                #expect(await pair.place.running == [launch.key])
                // Its end, told by the first one's executor, counts all the same: it is the second's to know better.
                #expect(try await Calls.beat(token, first))
                #expect(await pair.one.supervisor.runs(launch.key))
                #expect(try await second.setPhase(Calls.phase(.complete, 1, token)).success)
            }
        }
        #expect(try await pair.one.phase(uuid) == "complete")
    }

    @Test("lines that come through one manager and heartbeats through another: silence is judged by both")
    func splitStreams() async throws {
        let pair = try await ManagerPair()
        let uuid = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { second in
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, first).jobJwt
                #expect(try await Calls.log([Calls.line(1, #"{"stream":"a"}"#, token)], second) == [true])
                for _ in 1...9 {
                    pair.one.pass(20)
                    #expect(try await Calls.beat(token, first))
                }
                // Three minutes without a line, and then one.
                #expect(try await Calls.log([Calls.line(2, #"{"stream":"b"}"#, token)], second) == [true])
                #expect(try await second.setPhase(Calls.phase(.complete, 1, token)).success)
            }
        }
        #expect(try await pair.one.phase(uuid) == "complete")
    }

    @Test("a manager that was asleep for longer than the limit ends no build that another has heard")
    func asleep() async throws {
        let pair = try await ManagerPair()
        let uuid = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { second in
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, first).jobJwt
                #expect(try await Calls.beat(token, first))
                // The first sleeps; after a while its agent finds the second.
                pair.one.pass(50)
                #expect(try await Calls.beat(token, second))
                pair.one.pass(50)
                #expect(try await Calls.beat(token, second))
                // It wakes: everything that it believes is old.
                try await pair.one.supervisor.momentCame(launch.key)
                #expect(try await Calls.beat(token, first))
                try await pair.one.supervisor.momentCame(launch.key)
                #expect(await pair.place.running == [launch.key])
                // And so does the second, when it hears nothing for as long.
                pair.one.pass(61)
                try await pair.two.supervisor.momentCame(launch.key)
                #expect(await pair.place.running.isEmpty)
                #expect(try await Calls.beat(token, first) == false)
            }
        }
        #expect(try await pair.one.log(uuid).filter { $0.message.contains("not heard") }.count == 1)
    }

    @Test("clocks that differ by seconds end no build early", arguments: [-5.0, 5])
    func clocks(_ difference: Double) async throws {
        var options = ManagerFixture.Options()
        options.identity = "one:1/a"
        options.stopsWithManager = false
        let database = try await ManagerFixture.database()
        let one = try await ManagerFixture(options, database: database)
        options.identity = "two:1/b"
        options.schedules = false
        let two = try await ManagerFixture(
            options, database: try database.another(), place: one.executor.place, offset: Box(difference))
        _ = try await one.request()
        try await one.run { first in
            let launch = try await one.nextLaunch()
            let token = try await Calls.register(launch, first).jobJwt
            // At the worst a sign of life is written down only with the next one.
            #expect(try await Calls.beat(token, first))
            for manager in [one, two] { manager.pass(70) }
            _ = try await one.presence.announce()
            try await two.look()
            #expect(await one.executor.place.running == [launch.key])
            for manager in [one, two] { manager.pass(31) }
            _ = try await one.presence.announce()
            try await two.look()
            #expect(await one.executor.place.running.isEmpty)
        }
    }

    @Test(
        "what expires is ended once, by whichever manager claims it",
        arguments: [OrchestratorKind.redis, .redisWithoutConfiguration])
    func expiry(_ kind: OrchestratorKind) async throws {
        let pair = try await ManagerPair(stage: kind.stage()) { options in
            // Long enough for a builder to register and be heard on a busy machine.
            options.timing.silence = .seconds(4)
            options.timing.renewal = .milliseconds(10)
            options.attemptTiming.silence = .seconds(4)
            options.attemptTiming.leaseMargin = .milliseconds(20)
        }
        let uuid = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { _ in
                for manager in [pair.one, pair.two] { try await manager.look() }
                for number in 1...3 {
                    let launch = try await pair.one.nextLaunch()
                    #expect(launch.key.attempt == number)
                    let token = try await Calls.register(launch, first).jobJwt
                    #expect(try await Calls.beat(token, first))
                    try await pair.one.eventually { await !pair.place.running.contains(launch.key) }
                }
            }
        }
        #expect(try await pair.one.phase(uuid) == "expired")
        let log = try await pair.one.log(uuid).map(\.message)
        #expect(log.filter { $0.contains("not heard") }.count == 3)
        #expect(log.filter { $0 == "internalerror" }.count >= 1)
    }

    @Test("an expiry that the database contradicts ends nothing", arguments: [true, false])
    func contradicted(_ isWatched: Bool) async throws {
        let pair = try await ManagerPair()
        _ = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { _ in
                for manager in [pair.one, pair.two] { try await manager.look() }
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, first).jobJwt
                #expect(try await Calls.beat(token, first))
                // As if Redis had lost the key that keeps it alive.
                let teller = isWatched ? pair.one : pair.two
                try await teller.supervisor.momentCame(launch.key)
                #expect(await pair.place.running == [launch.key])
                #expect(try await Calls.beat(token, first))
            }
        }
    }

    @Test("a manager that has not seen the database for long enough waits before it ends what others watched")
    func newcomer() async throws {
        let pair = try await ManagerPair()
        _ = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { _ in
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, first).jobJwt
                #expect(try await Calls.beat(token, first))
                // Nobody could reach the database, nor Redis; now both can.
                pair.one.pass(300)
                try await pair.two.supervisor.momentCame(launch.key)
                var sight = SteadySight(longestGap: .seconds(15))
                try await pair.two.sweep.look(&sight)
                try await pair.two.supervisor.momentCame(launch.key)
                #expect(await pair.place.running == [launch.key])
                // The first has not been at work for long: the second goes on with its build, and waits a fresh minute.
                try await pair.two.look()
                #expect(await pair.two.supervisor.runs(launch.key))
                pair.two.pass(59)
                try await pair.two.supervisor.momentCame(launch.key)
                #expect(await pair.place.running == [launch.key])
                pair.two.pass(2)
                try await pair.two.supervisor.momentCame(launch.key)
                #expect(await pair.place.running.isEmpty)
            }
        }
    }

    @Test("builders of other managers are no leftovers, and those of nobody are") func reaping() async throws {
        let pair = try await ManagerPair()
        _ = try await pair.one.request()
        let stray = JobKey(buildUUID: "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f", attempt: 1)
        try await pair.one.run { _ in
            let launch = try await pair.one.nextLaunch()
            await pair.place.start(stray)
            try await pair.two.run { _ in
                #expect(await pair.place.running == [launch.key])
                #expect(await pair.two.executor.stopped == [stray])
            }
        }
    }

    @Test("while the database can't be read nothing is taken for a leftover") func blindReaping() async throws {
        let pair = try await ManagerPair()
        let key = JobKey(buildUUID: "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f", attempt: 1)
        await pair.place.start(key)
        await pair.two.database.close()
        await [pair.two.executor as any Executor].reap(for: pair.two.attempts, pair.two.platform.logger)
        #expect(await pair.place.running == [key])
    }

    @Test(
        "a cancellation stops the builder when the manager that started it is dead", arguments: TestDatabase.allEngines)
    func cancellation(_ engine: TestDatabase.Engine) async throws {
        let pair = try await ManagerPair(engine)
        let uuid = try await pair.one.request()
        try await pair.two.run { second in
            let kept = Box<(key: JobKey, token: String)?>(nil)
            try await pair.one.run { first in
                let launch = try await pair.one.nextLaunch()
                kept.set((launch.key, try await Calls.register(launch, first).jobJwt))
            }
            let (key, token) = try #require(kept.value)
            #expect(await pair.place.running == [key])
            try await pair.two.builds.cancel(uuid, in: pair.two.proof(), ip: nil)
            try await pair.two.eventually { await pair.place.running.isEmpty }
            #expect(try await Calls.beat(token, second) == false)
        }
        #expect(try await pair.two.phase(uuid) == "cancelled")
    }

    @Test("a builder that ends is noticed by whoever sees it, and ends its attempt once") func foreignEnd() async throws
    {
        let pair = try await ManagerPair()
        let uuid = try await pair.one.request()
        try await pair.two.run { _ in
            let kept = Box<JobKey?>(nil)
            try await pair.one.run { first in
                let launch = try await pair.one.nextLaunch()
                _ = try await Calls.register(launch, first)
                kept.set(launch.key)
            }
            let key = try #require(kept.value)
            await pair.two.executor.end(key, "its pod was evicted")
            await pair.two.executor.end(key, "its pod was evicted")
            try await pair.two.eventually { await pair.place.running.isEmpty }
        }
        #expect(try await pair.two.log(uuid).filter { $0.message.contains("evicted") }.count == 1)
        #expect(try await pair.two.phase(uuid) == "internalerror")
    }
}
