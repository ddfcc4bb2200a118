import Domain
import Foundation
import Runtime
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Leases of attempts") struct BuildLeaseTests {
    typealias Job = BuildAttemptService.Job

    static let failure = BuildFailure(.internalError, "The builder was not heard.")

    static func launched(
        _ engine: TestDatabase.Engine = .sqlite
    ) async throws -> (BuildFixture, one: BuildAttemptService, two: BuildAttemptService, Job) {
        let fixture = try await BuildFixture(engine)
        try await fixture.enqueue()
        let one = fixture.attempts("one:1/a")
        let job = try #require(try await one.claimNext(capacity: 1).job)
        #expect(try await one.started(job.attempt, executor: "x", executionID: "1", reservation: .seconds(85)))
        return (fixture, one, fixture.attempts("two:1/b", on: try fixture.database.another()), job)
    }

    @Test(
        "whoever hears a builder is its manager; the builder is silent for a minute before anybody may end it",
        arguments: TestDatabase.allEngines)
    func hearing(_ engine: TestDatabase.Engine) async throws {
        let (fixture, one, two, job) = try await Self.launched(engine)
        #expect(try await one.live().map(\.manager) == ["one:1/a"])
        #expect(try await two.renew(job.attempt, heartbeat: fixture.now))
        #expect(try await one.rows(of: [job.attempt]).map(\.manager) == ["two:1/b"])
        fixture.advance(59)
        // Manager one has heard nothing since the launch: what two heard counts.
        #expect(
            try await one.expire(job.attempt, .expired, failure: Self.failure)
                == .holds(until: fixture.now.addingTimeInterval(1)))
        #expect(try await one.giveUp(job.attempt) == false)
        fixture.advance(1)
        #expect(try await one.expire(job.attempt, .expired, failure: Self.failure) == .ended)
        #expect(try await two.expire(job.attempt, .expired, failure: Self.failure) == .over)
        #expect(try await two.renew(job.attempt, heartbeat: fixture.now) == false)
        #expect(try await two.adopt(job.attempt, until: fixture.now) == false)
        #expect(try await fixture.log(job.build.uuid).filter { $0.contains("not heard") }.count == 1)
    }

    @Test("who never heard a builder waits longer than who did, by the difference of two clocks") func tolerance()
        async throws
    {
        let (fixture, one, two, job) = try await Self.launched()
        #expect(try await one.renew(job.attempt, heartbeat: fixture.now))
        fixture.advance(94)
        #expect(try await two.lapsed().isEmpty)
        fixture.advance(1)
        #expect(try await two.lapsed().map(\.key) == [job.attempt.key])
        let tolerance = two.timing.leaseMargin + two.timing.clockTolerance
        #expect(try await two.expire(job.attempt, .expired, failure: nil, tolerance: tolerance) == .ended)
    }

    @Test("nobody may take longer than the whole, however alive") func deadline() async throws {
        let (fixture, one, two, job) = try await Self.launched()
        fixture.advance(7200)
        #expect(try await one.renew(job.attempt, heartbeat: fixture.now))
        #expect(try await two.expire(job.attempt, .expired, failure: nil) == .ended)
    }

    @Test("one of two managers takes over what a third one left", arguments: TestDatabase.allEngines)
    func takeOver(_ engine: TestDatabase.Engine) async throws {
        let (fixture, _, two, job) = try await Self.launched(engine)
        let three = fixture.attempts("three:1/c", on: try fixture.database.another())
        let until = fixture.now.addingTimeInterval(60)
        async let second = two.takeOver(job.attempt, until: until)
        async let third = three.takeOver(job.attempt, until: until)
        let winners = try await [second, third]
        #expect(winners.filter(\.self).count == 1)
        // Under the same claim: nobody else gets the build.
        fixture.advance(59)
        #expect(try await two.claimNext(capacity: 5).job == nil)
        #expect(try await two.end(job.attempt, .complete))
        #expect(try await two.live().isEmpty)
    }

    @Test("a builder that registers late does not lose the lease that others gave it") func lateStart() async throws {
        let fixture = try await BuildFixture(.sqlite)
        try await fixture.enqueue()
        let one = fixture.attempts("one:1/a")
        let job = try #require(try await one.claimNext(capacity: 1).job)
        try await fixture.database.write { _ = try BuildAttemptStore.register(job.attempt.id, at: fixture.now, in: $0) }
        let until = fixture.now.addingTimeInterval(60)
        #expect(try await one.adopt(job.attempt, until: until))
        // Its executor comes back only now.
        #expect(try await one.started(job.attempt, executor: "x", executionID: "1", reservation: .seconds(530)))
        #expect(try await one.live().map(\.leaseExpires) == [until.addingTimeInterval(25)])
    }

    @Test(
        "what was cancelled, lost or replaced has a builder to stop; what ended by itself has none",
        arguments: AttemptOutcome.allCases)
    func stopped(_ outcome: AttemptOutcome) async throws {
        let (fixture, one, two, job) = try await Self.launched()
        #expect(try await two.stopped(within: .seconds(120)).isEmpty)
        #expect(try await one.end(job.attempt, outcome))
        let hasBuilder = ![.complete, .error, .notStarted].contains(outcome)
        #expect(try await two.stopped(within: .seconds(120)).map(\.key) == (hasBuilder ? [job.attempt.key] : []))
        fixture.advance(121)
        #expect(try await two.stopped(within: .seconds(120)).isEmpty)
    }

    @Test("a manager is present while it says so, and gone when it leaves", arguments: TestDatabase.allEngines)
    func presence(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        let one = ManagerPresence(fixture.platform, manager: "one:1/a")
        let two = ManagerPresence(fixture.platform, manager: "two:1/b")
        #expect(try await one.announce().isEmpty)
        #expect(try await two.announce() == ["one:1/a"])
        fixture.advance(29)
        #expect(try await one.announce() == ["two:1/b"])
        fixture.advance(2)
        #expect(try await one.announce().isEmpty)
        #expect(try await two.announce() == ["one:1/a"])
        try await one.leave()
        #expect(try await two.announce().isEmpty)
    }

    @Test("a manager's name is its host and port, whichever process it is")
    func names() {
        #expect(ManagerIdentity("host.example:50051/1a2b3c4d").name == "host.example:50051")
        #expect(ManagerIdentity("host:50051").name == "host:50051")
        let made = ManagerIdentity(name: "h:1", identifiers: .system)
        #expect(made.name == "h:1")
        #expect(made != ManagerIdentity(name: "h:1", identifiers: .system))
    }
}
