import Domain
import Foundation
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Build attempts") struct BuildAttemptServiceTests {
    /// A fixture with one build that has been launched.
    static func launched(_ engine: TestDatabase.Engine = .sqlite) async throws -> (
        BuildFixture, BuildAttemptService, BuildAttemptService.Job
    ) {
        let fixture = try await BuildFixture(engine)
        try await fixture.enqueue()
        let attempts = fixture.attempts()
        let job = try #require(try await attempts.claimNext(capacity: 1).job)
        #expect(
            try await attempts.started(
                job.attempt, executor: "local", executionID: "1", reservation: .seconds(560)))
        return (fixture, attempts, job)
    }

    static func token(of attempt: BuildAttempt, in fixture: BuildFixture) async throws {
        let draft = try DelegateTokenService(platform: fixture.platform).draft()
        _ = try await fixture.database.write {
            try DelegateTokenService.issue(
                draft, forAttempt: attempt.id, repositoryID: 1, tags: ["latest"], in: $0)
        }
    }

    static func liveTokens(in fixture: BuildFixture) async throws -> Int64? {
        try await fixture.database.read {
            try $0.number("SELECT COUNT(*) FROM delegate_token WHERE revoked_ms IS NULL")
        }
    }

    @Test("a build that succeeds ends once and leaves the queue", arguments: TestDatabase.allEngines)
    func complete(_ engine: TestDatabase.Engine) async throws {
        let (fixture, attempts, job) = try await Self.launched(engine)
        try await Self.token(of: job.attempt, in: fixture)
        #expect(job.retriesRemaining == 2)
        #expect(try await fixture.phase(job.build.uuid) == "build-scheduled")
        for phase in [BuildPhase.unpacking, .pulling, .pulling, .building, .pushing] {
            #expect(try await attempts.report(phase, of: job.attempt))
        }
        #expect(try await attempts.end(job.attempt, .complete))
        #expect(try await attempts.end(job.attempt, .error) == false)
        #expect(try await attempts.report(.building, of: job.attempt) == false)
        #expect(try await attempts.renew(job.attempt, heartbeat: fixture.now) == false)
        #expect(try await fixture.phase(job.build.uuid) == "complete")
        #expect(
            try await fixture.log(job.build.uuid)
                == ["build-scheduled", "unpacking", "pulling", "building", "pushing", "complete"])
        #expect(try await Self.liveTokens(in: fixture) == 0)
        fixture.advance(100_000)
        guard case .empty(next: nil) = try await attempts.claimNext(capacity: 1) else {
            Issue.record("the queue item is still there")
            return
        }
    }

    @Test("one outcome: of many who end an attempt at once, one decides", arguments: TestDatabase.allEngines)
    func oneOutcome(_ engine: TestDatabase.Engine) async throws {
        let (fixture, one, job) = try await Self.launched(engine)
        let two = fixture.attempts("two", on: try fixture.database.another())
        let wins = try await withThrowingTaskGroup(of: AttemptOutcome?.self) { group in
            for outcome in [AttemptOutcome.complete, .error, .expired, .lost, .interrupted, .complete] {
                for attempts in [one, two] {
                    group.addTask { try await attempts.end(job.attempt, outcome) ? outcome : nil }
                }
            }
            group.addTask {
                do {
                    try await fixture.service.cancel(job.build.uuid, in: fixture.proof(), ip: nil)
                    return .cancelled
                } catch is RegistryError { return nil }
            }
            return try await group.reduce(into: []) { $0 += [$1].compactMap(\.self) }
        }
        // A cancellation may come after a lost attempt, whose build waits to be tried again: that is its outcome then.
        let attempt = try #require(try await one.find(job.attempt.key))
        #expect(!attempt.isLive)
        let decided = wins.filter { $0 != .cancelled }
        #expect(decided.count <= 1)
        let expected = wins.contains(.cancelled) ? "cancelled" : decided.first?.phase.rawValue
        #expect(try await fixture.phase(job.build.uuid) == expected)
    }

    @Test("three launches that are lost, and the build has expired", arguments: TestDatabase.allEngines)
    func threeLaunches(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        let uuid = try await fixture.enqueue().build.uuid
        let attempts = fixture.attempts()
        for (number, outcome) in [(1, AttemptOutcome.lost), (2, .expired), (3, .interrupted)] {
            let job = try #require(try await attempts.claimNext(capacity: 1).job)
            #expect(job.attempt.key.attempt == number)
            #expect(job.retriesRemaining == 3 - number)
            #expect(
                try await attempts.started(
                    job.attempt, executor: "local", executionID: "1", reservation: .seconds(560)))
            #expect(try await attempts.end(job.attempt, outcome))
            #expect(try await fixture.phase(uuid) == (number < 3 ? "internalerror" : "expired"))
            // Not before its time.
            #expect(try await attempts.claimNext(capacity: 1).job == nil)
            fixture.advance(30)
        }
        #expect(try await attempts.claimNext(capacity: 1).job == nil)
        #expect(try await fixture.log(uuid).last == "internalerror")
        #expect(try await fixture.log(uuid).contains { $0.contains("never came to an end") })
        #expect(try await fixture.database.read { try $0.number("SELECT COUNT(*) FROM queue_item") } == 0)
    }

    @Test("a launch that no executor started doesn't count", arguments: TestDatabase.allEngines)
    func notStarted(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        let uuid = try await fixture.enqueue().build.uuid
        let attempts = fixture.attempts()
        for _ in 1...5 {
            let job = try #require(try await attempts.claimNext(capacity: 1).job)
            #expect(job.retriesRemaining == 2)
            #expect(try await attempts.end(job.attempt, .notStarted))
            #expect(try await fixture.phase(uuid) == "waiting")
            fixture.advance(20)
        }
        // A build may wait through thousands of such calls: its timeline has the last.
        #expect(try await fixture.service.find(uuid, in: fixture.proof()).timeline.attempts.map(\.number) == [5])
    }

    @Test("what no executor may take now stays in the queue, with all its launches", arguments: TestDatabase.allEngines)
    func held(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        let uuid = try await fixture.enqueue().build.uuid
        try await fixture.enqueue("other/app")
        let attempts = fixture.attempts()
        guard case .held(next: nil) = try await attempts.claimNext(capacity: 2, admitting: { _, _ in false }) else {
            Issue.record("the build was not held")
            return
        }
        let other = try await attempts.claimNext(capacity: 2) { namespace, retries in
            namespace == "other" && retries == 2
        }
        #expect(other.job?.repository.name.namespace.text == "other")
        let job = try #require(try await attempts.claimNext(capacity: 2).job)
        #expect(job.build.uuid == uuid && job.attempt.key.attempt == 1 && job.retriesRemaining == 2)
        #expect(job.waitingSince == job.build.startedAt)
        guard case .full = try await attempts.claimNext(capacity: 2) else {
            Issue.record("there was a third slot")
            return
        }
        guard case .full = try await attempts.claimNext(capacity: 0) else {
            Issue.record("no slot at all")
            return
        }
    }

    @Test("an attempt that was not started is replaced under the same claim, once", arguments: TestDatabase.allEngines)
    func replaced(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        let uuid = try await fixture.enqueue().build.uuid
        let attempts = fixture.attempts()
        let job = try #require(try await attempts.claimNext(capacity: 1).job)
        try await Self.token(of: job.attempt, in: fixture)
        let second = try #require(try await attempts.replace(job.attempt))
        #expect(second.key == JobKey(buildUUID: uuid, attempt: 2) && second.claim == job.attempt.claim)
        #expect(try await Self.liveTokens(in: fixture) == 0)
        // Nothing of the first one counts any more.
        #expect(try await attempts.replace(job.attempt) == nil)
        #expect(
            try await attempts.started(job.attempt, executor: "a", executionID: "1", reservation: .seconds(9)) == false)
        #expect(try await attempts.end(job.attempt, .lost) == false)
        // The launch is still one of three.
        #expect(try await attempts.end(second, .lost))
        fixture.advance(30)
        #expect(try await attempts.claimNext(capacity: 1).job?.retriesRemaining == 1)
    }

    @Test(
        "slots are claimed, not counted: managers that race never exceed the capacity",
        arguments: TestDatabase.allEngines)
    func capacity(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        for repository in ["owner/app", "owner/second", "other/app"] { try await fixture.enqueue(repository) }
        let managers = [fixture.attempts("one"), fixture.attempts("two", on: try fixture.database.another())]
        let claims = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                group.addTask { try await managers[number % 2].claimNext(capacity: 2).job != nil }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(claims == 2)
    }

    @Test("a manager that is gone loses its build to another, whose attempt replaces the old one")
    func takeover() async throws {
        let (fixture, one, job) = try await Self.launched()
        try await Self.token(of: job.attempt, in: fixture)
        fixture.advance(561)
        let two = fixture.attempts("two", on: try fixture.database.another())
        // The old attempt holds its slot until somebody has ended it.
        guard case .full = try await two.claimNext(capacity: 1) else {
            Issue.record("two attempts in one slot")
            return
        }
        let second = try #require(try await two.claimNext(capacity: 2).job)
        #expect(second.superseded?.key == job.attempt.key)
        #expect(second.attempt.key.attempt == 2)
        #expect(try await Self.liveTokens(in: fixture) == 0)
        // The old builder wakes up again: nothing it says counts.
        #expect(try await one.renew(job.attempt, heartbeat: fixture.now) == false)
        #expect(try await one.end(job.attempt, .complete) == false)
        #expect(
            try await DatabaseBuildLogStore(fixture.database).append(
                [BuildLogLine(number: 1, entry: .output("late", at: fixture.now))], to: job.attempt) == false)
        #expect(try await two.end(second.attempt, .complete))
        #expect(try await fixture.phase(job.build.uuid) == "complete")
    }

    @Test("signs of life keep the claim from others") func heartbeats() async throws {
        let (fixture, one, job) = try await Self.launched()
        for _ in 0..<10 {
            fixture.advance(250)
            #expect(try await one.renew(job.attempt, heartbeat: fixture.now))
        }
        let two = fixture.attempts("two")
        #expect(try await two.claimNext(capacity: 5).job == nil)
        #expect(try await one.rows(of: [job.attempt]).map(\.isLive) == [true])
    }

    @Test(
        "what runs or waits can be cancelled, what is being pushed or has ended can't",
        arguments: [
            (nil, nil, true), (.building, nil, true), (.pushing, nil, false),
            (.building, .complete, false), (.building, .error, false),
            // Lost, and waiting for its next launch.
            (.building, .lost, true),
        ] as [(BuildPhase?, AttemptOutcome?, Bool)])
    func cancel(_ phase: BuildPhase?, _ outcome: AttemptOutcome?, _ isCancellable: Bool) async throws {
        let (fixture, attempts, job) = try await Self.launched()
        try await Self.token(of: job.attempt, in: fixture)
        if let phase { #expect(try await attempts.report(phase, of: job.attempt)) }
        if let outcome { #expect(try await attempts.end(job.attempt, outcome)) }
        let proof = try await fixture.proof()
        if isCancellable {
            try await fixture.service.cancel(job.build.uuid, in: proof, ip: nil)
            #expect(try await fixture.phase(job.build.uuid) == "cancelled")
            #expect(try await Self.liveTokens(in: fixture) == 0)
            #expect(try await attempts.rows(of: [job.attempt]).map(\.isLive) == [false])
            #expect(try await attempts.end(job.attempt, .complete) == false)
            #expect(try await fixture.log(job.build.uuid).last == "cancelled")
        } else {
            let before = try await fixture.phase(job.build.uuid)
            let error = await #expect(throws: RegistryError.self) {
                try await fixture.service.cancel(job.build.uuid, in: proof, ip: nil)
            }
            #expect(error?.kind == .invalidRequest)
            #expect(try await fixture.phase(job.build.uuid) == before)
        }
        // Cancelled or ended, nothing starts it again.
        fixture.advance(10_000)
        if outcome != nil || isCancellable { #expect(try await attempts.claimNext(capacity: 5).job == nil) }
    }

    @Test(
        "a queue item without a build that can be built is taken away", arguments: ["", "{}", #"{"build_uuid":"x"}"#])
    func rubbish(_ body: String) async throws {
        let fixture = try await BuildFixture(.sqlite)
        try await fixture.database.write { transaction in
            _ = try WorkQueue.put(
                body, to: .builds(of: RepositoryName("owner/app")), stateID: "s", now: fixture.now, in: transaction)
        }
        let attempts = fixture.attempts()
        guard case .nothingToBuild = try await attempts.claimNext(capacity: 1),
            case .empty(next: nil) = try await attempts.claimNext(capacity: 1)
        else {
            Issue.record("the rubbish stayed")
            return
        }
    }
}
