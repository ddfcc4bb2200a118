import Domain
import Foundation
import OCI
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Event outbox") struct EventOutboxTests {
    /// What an event says, as the text that is stored: keys in alphabetical order.
    struct Told: Equatable {
        let kind: String
        let data: String

        init(_ event: StoredEvent) {
            kind = event.kind.rawValue
            data = event.dataJSON
        }
    }

    static func events(_ fixture: BuildFixture) async throws -> [StoredEvent] {
        try await fixture.database.read { try EventStore.events(after: 0, limit: 100, in: $0) }
    }

    static func kinds(_ fixture: BuildFixture) async throws -> [String] {
        try await events(fixture).map(\.kind.rawValue)
    }

    @Test(
        "a build that succeeds is queued, started and told of once, with what it pushed",
        arguments: TestDatabase.allEngines)
    func success(_ engine: TestDatabase.Engine) async throws {
        let (fixture, attempts, job) = try await BuildAttemptServiceTests.launched(engine)
        try await fixture.database.write { transaction in
            try BuildImageStore.record(
                .init("sha256:" + String(repeating: "a", count: 64)),
                imageID: .init("sha256:" + String(repeating: "b", count: 64)), under: ["latest", "not-asked-for"],
                byAttempt: job.attempt.id, in: transaction)
        }
        for phase in [BuildPhase.unpacking, .pulling, .pulling, .building, .pushing] {
            #expect(try await attempts.report(phase, of: job.attempt))
        }
        #expect(try await attempts.end(job.attempt, .complete))
        #expect(try await attempts.end(job.attempt, .complete) == false)
        let events = try await Self.events(fixture)
        #expect(Set(events.map(\.uuid)).count == events.count)
        #expect(events.map(\.repositoryID) == [1, 1, 1])
        #expect(events.map(\.performerID) == [1, nil, nil])
        let told = events.map(Told.init)
        #expect(told.map(\.kind) == ["build_queued", "build_start", "build_success"])
        let uuid = job.build.uuid
        #expect(
            told[0].data
                == #"{"build_id":"\#(uuid)","docker_tags":["latest"],"is_manual":true,"manual_user":"owner"}"#)
        let facts = #""build_id":"\#(uuid)","build_name":"\#(job.build.displayName)","docker_tags":["latest"]"#
        let trigger = #""trigger_id":null,"trigger_kind":null,"trigger_metadata":{}"#
        #expect(told[1].data == "{\(facts),\(trigger)}")
        let image = #""image_id":"sha256:\#(String(repeating: "b", count: 64))""#
        let manifest = "registry.test/owner/app@sha256:" + String(repeating: "a", count: 64)
        #expect(told[2].data == #"{\#(facts),\#(image),"manifest_digests":["\#(manifest)"],\#(trigger)}"#)
    }

    @Test("a build that fails is told of with the sentence and what the tool said", arguments: TestDatabase.allEngines)
    func failure(_ engine: TestDatabase.Engine) async throws {
        let (fixture, attempts, job) = try await BuildAttemptServiceTests.launched(engine)
        let failure = BuildFailure(.dockerfileIssue, "unknown instruction: GIT")
        #expect(
            try await DatabaseBuildLogStore(fixture.database).append(
                [BuildLogLine(number: 1, entry: .failure(failure, at: fixture.now))], to: job.attempt))
        #expect(try await attempts.end(job.attempt, .error))
        let last = Told(try #require(try await Self.events(fixture).last))
        #expect(last.kind == "build_failure")
        #expect(
            last.data.contains(
                #""error_message":"Could not find or parse Dockerfile: unknown instruction: GIT""#))
        // No builder reported a phase, so nobody is told of a start.
        #expect(try await Self.kinds(fixture) == ["build_queued", "build_failure"])
        let code = try await fixture.database.read { try $0.row("SELECT error_code FROM build")?.text("error_code") }
        #expect(code == BuildFailureCode.dockerfileIssue.rawValue)
    }

    @Test(
        "launches that are lost are told of once, when none is left, and started once",
        arguments: TestDatabase.allEngines)
    func expired(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        try await fixture.enqueue()
        let attempts = fixture.attempts()
        for _ in 1...3 {
            #expect(try await Self.kinds(fixture).contains("build_failure") == false)
            let job = try #require(try await attempts.claimNext(capacity: 1).job)
            #expect(
                try await attempts.started(
                    job.attempt, executor: "local", executionID: "1", reservation: .seconds(560)))
            #expect(try await attempts.report(.unpacking, of: job.attempt))
            #expect(
                try await attempts.end(job.attempt, .lost, failure: BuildFailure(.internalError, "It fell silent.")))
            fixture.advance(30)
        }
        #expect(try await Self.kinds(fixture) == ["build_queued", "build_start", "build_failure"])
        let last = Told(try #require(try await Self.events(fixture).last))
        let message = "The build system had an internal error: The build was launched 3 times and never came to an end."
        #expect(last.data.contains(#""error_message":"\#(message)""#))
    }

    @Test("a cancelled build is told of once, by whoever cancelled it", arguments: TestDatabase.allEngines)
    func cancelled(_ engine: TestDatabase.Engine) async throws {
        let (fixture, attempts, job) = try await BuildAttemptServiceTests.launched(engine)
        try await fixture.service.cancel(job.build.uuid, in: fixture.proof(), ip: nil)
        #expect(try await attempts.end(job.attempt, .complete) == false)
        let events = try await Self.events(fixture)
        #expect(events.map(\.kind) == [.buildQueued, .buildCancelled])
        #expect(events.last?.performerID == 1)
    }

    @Test("of many who end a build at once, one end is told of", arguments: TestDatabase.allEngines)
    func race(_ engine: TestDatabase.Engine) async throws {
        let (fixture, one, job) = try await BuildAttemptServiceTests.launched(engine)
        let two = fixture.attempts("two", on: try fixture.database.another())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for outcome in [AttemptOutcome.complete, .error, .complete, .error] {
                for attempts in [one, two] { group.addTask { _ = try await attempts.end(job.attempt, outcome) } }
            }
            group.addTask {
                do {
                    try await fixture.service.cancel(job.build.uuid, in: fixture.proof(), ip: nil)
                } catch is RegistryError {}
            }
            try await group.waitForAll()
        }
        let ends = try await Self.kinds(fixture).filter { !["build_queued", "build_start"].contains($0) }
        let told = ["complete": "build_success", "error": "build_failure", "cancelled": "build_cancelled"]
        #expect(ends == [try #require(told[try await fixture.phase(job.build.uuid)])])
    }

    @Test("what was rolled back was never told")
    func rollback() async throws {
        let fixture = try await BuildFixture(.sqlite)
        struct Stop: Error {}
        await #expect(throws: Stop.self) {
            try await fixture.database.write { transaction in
                try EventOutbox.add(
                    .repositoryPush(tags: ["a"]), uuid: "u", repositoryID: 1, at: fixture.now, in: transaction)
                throw Stop()
            }
        }
        #expect(try await Self.events(fixture).isEmpty)
    }

    @Test("old events are forgotten, however many there are", arguments: TestDatabase.allEngines)
    func retention(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        func push(_ number: Int) async throws {
            try await fixture.database.write { transaction in
                for part in 0..<number {
                    try EventOutbox.add(
                        .repositoryPush(tags: ["v1"]), uuid: "\(number)-\(part)", repositoryID: 1, at: fixture.now,
                        in: transaction)
                }
            }
        }
        try await push(1001)
        fixture.advance(EventCleanupStep.retention)
        try await push(2)
        let step = EventCleanupStep(platform: fixture.platform)
        #expect(try await step.run() == 0)
        fixture.advance(1)
        #expect(try await step.run() == 1001)
        #expect(try await step.run() == 0)
        #expect(try await Self.events(fixture).map(\.uuid) == ["2-0", "2-1"])
        #expect(try await Self.events(fixture).first?.dataJSON == #"{"updated_tags":["v1"]}"#)
    }
}
