import Domain
import Foundation
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Build registration") struct BuildRegistrationTests {
    static func launched(robot: String? = nil) async throws -> (
        BuildFixture, BuildAttemptService, BuildRegistration, BuildAttempt
    ) {
        let fixture = try await BuildFixture(.sqlite)
        _ = try await fixture.service.request(fixture.request(robot: robot), in: fixture.proof(), ip: nil)
        let attempts = fixture.attempts()
        let attempt = try #require(try await attempts.claimNext(capacity: 1).job).attempt
        return (fixture, attempts, BuildRegistration(fixture.platform, attempts: attempts), attempt)
    }

    static func job(_ answer: BuildRegistration.Answer) -> BuildRegistration.Job? {
        if case .job(let job) = answer { job } else { nil }
    }

    @Test("gives the attempt a token of its own, for the build's tags only") func token() async throws {
        let (fixture, attempts, registration, attempt) = try await Self.launched()
        let job = try #require(Self.job(try await registration.register(attempt.key)))
        #expect(!job.isRepeated)
        let basic = try await fixture.grant(job.token.text)
        #expect(basic?.attemptID == attempt.id)
        #expect(basic?.repositoryID == 1)
        #expect(basic?.role == .write)
        #expect(basic?.tags == ["latest"])
        #expect(try await attempts.end(attempt, .complete))
        #expect(try await fixture.grant(job.token.text) == nil)
    }

    @Test("a registration that comes again before the builder was heard replaces the first token")
    func repeated() async throws {
        let (fixture, _, registration, attempt) = try await Self.launched()
        let first = try #require(Self.job(try await registration.register(attempt.key)))
        let second = try #require(Self.job(try await registration.register(attempt.key)))
        #expect(second.isRepeated)
        #expect(try await fixture.grant(first.token.text) == nil)
        #expect(try await fixture.grant(second.token.text) != nil)
    }

    @Test("SEC-Build escape: a registration for a builder at work ends the attempt, and both tokens are dead")
    func stolen() async throws {
        let (fixture, attempts, registration, attempt) = try await Self.launched()
        let job = try #require(Self.job(try await registration.register(attempt.key)))
        #expect(try await attempts.renew(attempt, heartbeat: fixture.now))
        guard case .stolen = try await registration.register(attempt.key) else {
            Issue.record("the second builder got an answer")
            return
        }
        #expect(try await fixture.grant(job.token.text) == nil)
        guard case .refused = try await registration.register(attempt.key) else {
            Issue.record("an ended attempt takes no builder")
            return
        }
        #expect(try await fixture.phase(attempt.key.buildUUID) == "internalerror")
    }

    @Test("hands out the pull robot's token of this moment, and none of a disabled robot", arguments: [true, false])
    func pullRobot(isEnabled: Bool) async throws {
        let (fixture, _, registration, attempt) = try await Self.launched(robot: "owner+puller")
        try await fixture.database.write { transaction in
            _ = try transaction.run("UPDATE account SET enabled = \(isEnabled) WHERE id = 3")
        }
        let job = try #require(Self.job(try await registration.register(attempt.key)))
        #expect(job.pullRobot?.token.text == (isEnabled ? "token of owner" : nil))
    }

    @Test("refuses attempts that never were") func unknown() async throws {
        let (_, _, registration, attempt) = try await Self.launched()
        guard
            case .refused = try await registration.register(
                JobKey(buildUUID: attempt.key.buildUUID, attempt: 2))
        else {
            Issue.record("there is no second attempt")
            return
        }
    }
}

@Suite("Job tokens") struct JobTokensTests {
    static let key = JobKey(buildUUID: "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f", attempt: 2)

    @Test("name their attempt until they expire, and no two are the same") func roundTrip() async throws {
        let fixture = try await BuildFixture(.sqlite)
        let tokens = fixture.jobTokens()
        let expiry = fixture.now.addingTimeInterval(500)
        let one = try await tokens.issue(.registration, for: Self.key, until: expiry)
        let two = try await tokens.issue(.registration, for: Self.key, until: expiry)
        #expect(one != two)
        #expect(try await tokens.read(one, as: .registration) == Self.key)
        fixture.advance(500)
        await #expect(throws: JobTokens.Refused.self) { try await tokens.read(one, as: .registration) }
    }

    @Test("survive a restart: another process reads them with the keys in the database") func restart() async throws {
        let fixture = try await BuildFixture(.sqlite)
        let token = try await fixture.jobTokens().issue(
            .job, for: Self.key, until: fixture.now.addingTimeInterval(7200))
        #expect(try await fixture.jobTokens().read(token, as: .job) == Self.key)
    }

    @Test("SEC-Key/issuer trust: kind, audience, service and signature must all be right") func refuses() async throws {
        let fixture = try await BuildFixture(.sqlite)
        let tokens = fixture.jobTokens()
        let expiry = fixture.now.addingTimeInterval(500)
        let job = try await tokens.issue(.job, for: Self.key, until: expiry)
        let registry = JobTokens(
            fixture.platform, keys: ServiceKeys(platform: fixture.platform), audience: "manager.test")
        let foreign = try await registry.issue(.job, for: Self.key, until: expiry)
        let elsewhere = try await fixture.jobTokens(audience: "other.test").issue(.job, for: Self.key, until: expiry)
        let parts = job.split(separator: ".").map(String.init)
        let unsigned = Data(#"{"alg":"none","typ":"JWT"}"#.utf8).base64EncodedString().replacing("=", with: "")
        let wrong = [
            ("another kind", try await tokens.issue(.registration, for: Self.key, until: expiry)),
            ("the registry's key", foreign), ("another manager", elsewhere), ("empty", ""), ("no token", "a.b.c"),
            ("unsigned", "\(unsigned).\(parts[1])."), ("no signature", "\(parts[0]).\(parts[1])."),
            ("too long", String(repeating: "a", count: 100_000)),
            ("altered", "\(parts[0]).\(parts[1].dropLast(4))AAAA.\(parts[2])"),
        ]
        for (name, token) in wrong {
            await #expect(throws: JobTokens.Refused.self, "\(name)") { try await tokens.read(token, as: .job) }
        }
    }
}
