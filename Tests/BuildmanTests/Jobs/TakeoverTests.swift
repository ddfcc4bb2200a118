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

/// What becomes of builds whose manager, or whose Redis, is gone.
@Suite("Takeover", .timeLimit(.minutes(2))) struct TakeoverTests {
    typealias Calls = BuildManagerServiceTests

    @Test(
        "what a dead manager left is taken over once it is gone, with a fresh minute",
        arguments: TestDatabase.allEngines)
    func takeover(_ engine: TestDatabase.Engine) async throws {
        let pair = try await ManagerPair(engine)
        _ = try await pair.one.request()
        try await pair.two.run { second in
            let kept = Box<(key: JobKey, token: String)?>(nil)
            try await pair.one.run { first in
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, first).jobJwt
                #expect(try await Calls.beat(token, first))
                kept.set((launch.key, token))
                // It is at work: nothing of it is taken.
                try await pair.two.look()
                #expect(await !pair.two.supervisor.runs(launch.key))
            }
            let (key, token) = try #require(kept.value)
            pair.two.pass(31)
            try await pair.two.look()
            #expect(await pair.two.supervisor.runs(key))
            #expect(try await pair.manager(of: key) == "two:1/b")
            pair.two.pass(59)
            try await pair.two.look()
            #expect(try await Calls.beat(token, second))
        }
    }

    @Test("a start that was interrupted is given back when its manager is gone, and not while it may go on")
    func interruptedStart() async throws {
        let pair = try await ManagerPair()
        let uuid = try await pair.one.request()
        // Claimed, and no further.
        _ = try await pair.one.presence.announce()
        guard case .job(let job) = try await pair.one.attempts.claimNext(capacity: 1) else {
            Issue.record("nothing to claim")
            return
        }
        try await pair.two.run { _ in
            try await pair.two.look()
            #expect(try await pair.two.attempts.find(job.attempt.key)?.isLive == true)
            pair.two.pass(31)
            try await pair.two.look()
            #expect(try await pair.two.attempts.find(job.attempt.key)?.isLive == false)
            // The first one was only asleep: its executor starts a builder of an attempt that has ended.
            let isLive = try await pair.one.attempts.started(
                job.attempt, executor: "scripted", executionID: "1", reservation: .seconds(530))
            #expect(!isLive)
        }
        #expect(try await pair.two.phase(uuid) == "internalerror")
    }

    @Test("a manager takes its earlier process's builds at once, another name's only when that is gone")
    func names() async throws {
        let pair = try await ManagerPair(names: ("same:1/a", "same:1/b"))
        _ = try await pair.one.request()
        try await pair.one.run { first in
            let launch = try await pair.one.nextLaunch()
            let token = try await Calls.register(launch, first).jobJwt
            #expect(try await Calls.beat(token, first))
            try await pair.two.run { _ in
                #expect(await pair.two.supervisor.runs(launch.key))
                // Two processes of one name, and both alive: whoever hears the builder has it in the end.
                pair.one.pass(16)
                #expect(try await Calls.beat(token, first))
                #expect(try await pair.manager(of: launch.key) == "same:1/a")
                pair.one.pass(16)
                try await pair.two.supervisor.lookForChanges()
                #expect(await !pair.two.supervisor.runs(launch.key))
                #expect(await pair.place.running == [launch.key])
            }
        }
    }

    @Test(
        "a manager that stops gives back what is its own, and nothing that another has heard since",
        arguments: [true, false])
    func stopping(_ isMoved: Bool) async throws {
        let pair = try await ManagerPair { options in
            options.stopsWithManager = true
            options.attemptTiming.retryDelay = .seconds(3600)
        }
        let uuid = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { second in
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, first).jobJwt
                #expect(try await Calls.beat(token, isMoved ? second : first))
                await pair.one.supervisor.stop()
                #expect(try await pair.one.attempts.find(launch.key)?.isLive == isMoved)
            }
        }
        #expect(try await pair.one.phase(uuid) == (isMoved ? "build-scheduled" : "internalerror"))
    }

    @Test(
        "whatever happens to Redis, a running build goes on", arguments: ["flush", "restart", "away at start", "hang"])
    func redis(_ fault: String) async throws {
        let stage = try await OrchestratorKind.redis.stage()
        let server = try #require(stage.server)
        if fault == "away at start" { try await server.kill() }
        let pair = try await ManagerPair(stage: stage)
        let uuid = try await pair.one.request()
        try await pair.one.run { first in
            try await pair.two.run { second in
                let launch = try await pair.one.nextLaunch()
                let token = try await Calls.register(launch, first).jobJwt
                #expect(try await Calls.beat(token, first))
                switch fault {
                case "flush": try await stage.client().command(["FLUSHALL"])
                case "restart": try await server.restart()
                case "hang": server.freeze()
                default: break
                }
                let lines = (1...50).map { Calls.line($0, #"{"stream":"line \#($0)"}"#, token) }
                let begun = ContinuousClock.now
                #expect(try await Calls.log(lines, first).allSatisfy(\.self))
                #expect(try await Calls.beat(token, second))
                #expect(ContinuousClock.now - begun < .seconds(5))
                if fault == "away at start" { try await server.restart() }
                server.thaw()
                let client = try stage.client()
                let job = "buildman/test/building/\(launch.key)"
                while try await client.command(["EXISTS", job]).integer != 1 {
                    #expect(try await Calls.beat(token, second))
                }
                #expect(try await second.setPhase(Calls.phase(.complete, 1, token)).success)
                while try await client.command(["EXISTS", job]).integer != 0 {}
            }
        }
        #expect(try await pair.one.phase(uuid) == "complete")
    }
}
