import BuildProtocol
import Domain
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Runtime
import SQL
import TestSupport
import Testing

@testable import Buildman
@testable import RegistryCore

/// What an agent sends and is answered, over a real connection.
@Suite("Build manager service", .timeLimit(.minutes(2))) struct BuildManagerServiceTests {
    typealias Client = BuildmanPb_BuildManager.Client<HTTP2ClientTransport.Posix>

    static func phase(
        _ phase: BuildmanPb_Phase, _ number: Int32, _ token: String, baseImage: String = ""
    ) -> BuildmanPb_SetPhaseRequest {
        var request = BuildmanPb_SetPhaseRequest()
        request.jobJwt = token
        request.sequenceNumber = number
        request.phase = phase
        request.pullMetadata.baseImage = baseImage
        return request
    }

    static func line(_ number: Int32, _ json: String, _ token: String) -> BuildmanPb_LogMessageRequest {
        var request = BuildmanPb_LogMessageRequest()
        request.jobJwt = token
        request.sequenceNumber = number
        request.logMessage = json
        return request
    }

    static func register(_ launch: BuilderLaunch, _ client: Client) async throws -> BuildmanPb_BuildPack {
        var arguments = BuildmanPb_BuildJobArgs()
        arguments.registerJwt = launch.registrationToken
        return try await client.registerBuildJob(arguments)
    }

    /// One heartbeat on a stream of its own.
    static func beat(_ token: String, _ client: Client) async throws -> Bool {
        var beat = BuildmanPb_HeartbeatRequest()
        beat.jobJwt = token
        let request = beat
        return try await client.heartbeat {
            try await $0.write(request)
        } onResponse: { response in
            for try await reply in response.messages { return reply.reply }
            return false
        }
    }

    static func log(_ lines: [BuildmanPb_LogMessageRequest], _ client: Client) async throws -> [Bool] {
        try await client.logMessage {
            try await $0.write(contentsOf: lines)
        } onResponse: { response in
            var replies: [Bool] = []
            for try await reply in response.messages { replies.append(reply.success) }
            return replies
        }
    }

    @Test("a build goes from the queue to its end, and everything it said is there") func whole() async throws {
        let manager = try await ManagerFixture()
        let uuid = try await manager.request(["v1", "latest"])
        try await manager.run { client in
            #expect(try await client.ping(BuildmanPb_PingRequest()).reply == "pong")
            let launch = try await manager.nextLaunch()
            #expect(launch.key == JobKey(buildUUID: uuid, attempt: 1))
            let pack = try await Self.register(launch, client)
            #expect(pack.packageURL == "https://example.com/a.tar.gz")
            #expect(!pack.packageURLTrusted)
            #expect((pack.context, pack.dockerfilePath) == ("/sub", "Dockerfile"))
            #expect((pack.registry, pack.repository) == ("registry.test", "owner/app"))
            #expect(pack.tagNames == ["v1", "latest"])
            #expect(pack.attempt == 1)
            #expect(pack.pushToken.count == 64)
            let token = pack.jobJwt
            #expect(try await Self.beat(token, client))
            #expect(try await client.setPhase(Self.phase(.unpacking, 1, token)).success)
            for number in 2...4 {
                let reply = try await client.setPhase(
                    Self.phase(.pulling, Int32(number), token, baseImage: number == 2 ? "library/busybox" : ""))
                #expect(reply.success)
                #expect(reply.sequenceNumber == Int32(number))
            }
            #expect(try await client.setPhase(Self.phase(.building, 5, token)).success)
            let replies = try await Self.log(
                [
                    Self.line(1, #"{"stream":"STEP 1/2: FROM scratch\n"}"#, token),
                    Self.line(2, "no json", token),
                    Self.line(3, #"{"status":"Pulling","stream":"x","progressDetail":{}}"#, token),
                    // The order within a stream is broken: refused.
                    Self.line(3, #"{"stream":"again"}"#, token),
                    Self.line(4, #"{"stream":"hello"}"#, token),
                ], client)
            #expect(replies == [true, false, true, false, true])
            #expect(try await client.setPhase(Self.phase(.pushing, 6, token)).success)
            #expect(try await client.setPhase(Self.phase(.complete, 7, token)).success)
            // It is over: nothing it says counts any more.
            #expect(try await Self.beat(token, client) == false)
            #expect(try await client.setPhase(Self.phase(.building, 8, token)).success == false)
            #expect(try await Self.log([Self.line(5, #"{"stream":"late"}"#, token)], client) == [false])
        }
        #expect(try await manager.phase(uuid) == "complete")
        let log = try await manager.log(uuid)
        #expect(
            log.map(\.message) == [
                "build-scheduled", "unpacking", "pulling", "pulling", "building", "STEP 1/2: FROM scratch", "Pulling",
                "hello", "pushing", "complete",
            ])
        #expect(log[3].data["base_image"] == "library/busybox")
        #expect(log[5].kind == .command)
        #expect(log.allSatisfy { $0.data["datetime"] != nil })
        #expect(await manager.executor.stopped == [JobKey(buildUUID: uuid, attempt: 1)])
    }

    @Test("a failing build says why, ends as error, and is not tried again") func failure() async throws {
        let manager = try await ManagerFixture()
        let uuid = try await manager.request()
        try await manager.run { client in
            let token = try await Self.register(manager.nextLaunch(), client).jobJwt
            let failure = BuildFailure(.dockerfileIssue, "unknown instruction: GIT")
            #expect(
                try await Self.log([Self.line(1, BuildLogMessage.failure(failure).json, token)], client) == [true])
            #expect(try await client.setPhase(Self.phase(.error, 1, token)).success)
        }
        #expect(try await manager.phase(uuid) == "error")
        let entry = try #require(try await manager.log(uuid).first { $0.kind == .error })
        #expect(entry.message == "Could not find or parse Dockerfile: unknown instruction: GIT")
        #expect(entry.data["error_code"] == "io.quay.builder.dockerfileissue")
        #expect(entry.data["base_error"] == "unknown instruction: GIT")
    }

    @Test("a cancelled build's builder is stopped, and told so if it still asks") func cancel() async throws {
        let manager = try await ManagerFixture()
        let uuid = try await manager.request()
        try await manager.run { client in
            let launch = try await manager.nextLaunch()
            let token = try await Self.register(launch, client).jobJwt
            #expect(try await client.setPhase(Self.phase(.building, 1, token)).success)
            try await manager.builds.cancel(uuid, in: manager.proof(), ip: nil)
            await manager.supervisor.untilIdle()
            #expect(await manager.executor.stopped == [launch.key])
            #expect(try await Self.beat(token, client) == false)
            #expect(try await client.setPhase(Self.phase(.complete, 2, token)).success == false)
        }
        #expect(try await manager.phase(uuid) == "cancelled")
    }

    @Test("a builder that dies three times leaves an expired build") func expired() async throws {
        var timing = BuildAttemptService.Timing()
        timing.retryDelay = .milliseconds(10)
        let manager = try await ManagerFixture(attemptTiming: timing)
        let uuid = try await manager.request()
        try await manager.run { client in
            for number in 1...3 {
                let launch = try await manager.nextLaunch()
                #expect(launch.key.attempt == number)
                let token = try await Self.register(launch, client).jobJwt
                #expect(try await Self.beat(token, client))
                await manager.executor.end(launch.key, "it was killed by signal 9")
                await manager.supervisor.untilIdle()
                #expect(try await Self.beat(token, client) == false)
            }
        }
        #expect(try await manager.phase(uuid) == "expired")
        #expect(try await manager.log(uuid).contains { $0.message.contains("signal 9") })
    }

    @Test("silence is loss, and the next launch gets a token of its own") func silence() async throws {
        var attemptTiming = BuildAttemptService.Timing()
        attemptTiming.retryDelay = .milliseconds(10)
        let manager = try await ManagerFixture(attemptTiming: attemptTiming)
        let uuid = try await manager.request()
        try await manager.run { client in
            let first = try await manager.nextLaunch()
            let old = try await Self.register(first, client).jobJwt
            #expect(try await Self.beat(old, client))
            try await manager.pass(59, for: first.key)
            #expect(await manager.supervisor.runs(first.key))
            try await manager.pass(2, for: first.key)
            let second = try await manager.nextLaunch()
            #expect(second.key.attempt == 2)
            #expect(second.registrationToken != first.registrationToken)
            #expect(await manager.executor.stopped == [first.key])
            // The first one was only asleep: it can't win any more.
            #expect(try await client.setPhase(Self.phase(.complete, 1, old)).success == false)
            let token = try await Self.register(second, client).jobJwt
            #expect(try await client.setPhase(Self.phase(.complete, 1, token)).success)
        }
        #expect(try await manager.phase(uuid) == "complete")
    }

    @Test("an executor that can't start uses no launch up, and the log says why") func notStarted() async throws {
        var timing = BuildAttemptService.Timing()
        timing.startDelay = .milliseconds(10)
        let manager = try await ManagerFixture(
            attemptTiming: timing, health: .init(pause: .milliseconds(20), maximumPause: .milliseconds(40)))
        await manager.executor.fail(with: ExecutorFailure("buildah is not installed"))
        let uuid = try await manager.request()
        try await manager.run { _ in
            while try await manager.log(uuid).isEmpty { try await WallClock.system.sleep(for: .milliseconds(5)) }
            await manager.executor.fail(with: nil)
            #expect(try await manager.nextLaunch().key.attempt > 1)
        }
        let log = try await manager.log(uuid)
        #expect(log.filter { $0.message.contains("buildah is not installed") }.count == 1)
        let retries = try await manager.database.read { try $0.number("SELECT retries_remaining FROM queue_item") }
        #expect(retries == 2)
    }

    @Test("a manager that comes back goes on with the builder that is at work") func restart() async throws {
        let first = try await ManagerFixture()
        let uuid = try await first.request()
        let kept = Box<String>("")
        try await first.run { client in
            let token = try await Self.register(first.nextLaunch(), client).jobJwt
            #expect(try await client.setPhase(Self.phase(.building, 1, token)).success)
            kept.set(token)
        }
        // Killed: nothing was given back.
        #expect(try await first.phase(uuid) == "building")
        let second = try await ManagerFixture(database: first.database, place: first.executor.place)
        let token = kept.value
        try await second.run { client in
            #expect(await second.executor.reaped.first == [JobKey(buildUUID: uuid, attempt: 1)])
            let isAlive = try await Self.beat(token, client)
            #expect(isAlive)
            #expect(try await client.setPhase(Self.phase(.complete, 2, token)).success)
        }
        #expect(try await second.phase(uuid) == "complete")
        #expect(try await second.log(uuid).map(\.message) == ["build-scheduled", "building", "complete"])
    }

    @Test("a manager that is told to stop gives its builds back, once") func stop() async throws {
        let manager = try await ManagerFixture()
        let uuid = try await manager.request()
        try await manager.run { client in
            let token = try await Self.register(manager.nextLaunch(), client).jobJwt
            await manager.supervisor.stop()
            #expect(try await Self.beat(token, client) == false)
        }
        #expect(try await manager.phase(uuid) == "internalerror")
        #expect(try await manager.attempts.live().isEmpty)
    }

    @Test(
        "SEC-Key/issuer trust: each call takes its own kind of token, of an attempt that is live",
        arguments: ["", "x", "a.b.c"])
    func tokens(_ rubbish: String) async throws {
        let manager = try await ManagerFixture()
        _ = try await manager.request()
        try await manager.run { client in
            let launch = try await manager.nextLaunch()
            let unknown = try await manager.tokens.issue(
                .registration, for: JobKey(buildUUID: launch.key.buildUUID, attempt: 7),
                until: manager.platform.clock.now + .seconds(60))
            for token in [rubbish, unknown] {
                var arguments = BuildmanPb_BuildJobArgs()
                arguments.registerJwt = token
                let error = await #expect(throws: RPCError.self) { try await client.registerBuildJob(arguments) }
                #expect(error?.code == .unauthenticated)
            }
            // A registration token is good for registering only.
            let job = try await Self.register(launch, client).jobJwt
            for token in [rubbish, launch.registrationToken] {
                let error = await #expect(throws: RPCError.self) {
                    try await client.setPhase(Self.phase(.building, 1, token))
                }
                #expect(error?.code == .unauthenticated)
                await #expect(throws: RPCError.self) { try await Self.beat(token, client) }
                await #expect(throws: RPCError.self) {
                    try await Self.log([Self.line(1, #"{"stream":"x"}"#, token)], client)
                }
            }
            var arguments = BuildmanPb_BuildJobArgs()
            arguments.registerJwt = job
            await #expect(throws: RPCError.self) { try await client.registerBuildJob(arguments) }
        }
    }

    @Test("SEC-Build escape: who registers for a builder at work ends it for both") func stolen() async throws {
        let manager = try await ManagerFixture()
        _ = try await manager.request()
        try await manager.run { client in
            let launch = try await manager.nextLaunch()
            // Before it is heard, a repeated registration is a lost answer.
            _ = try await Self.register(launch, client)
            let token = try await Self.register(launch, client).jobJwt
            #expect(try await Self.beat(token, client))
            let error = await #expect(throws: RPCError.self) { try await Self.register(launch, client) }
            #expect(error?.code == .unauthenticated)
            #expect(try await Self.beat(token, client) == false)
        }
    }

    @Test("many lines arrive in order, each answered once it is stored") func manyLines() async throws {
        let manager = try await ManagerFixture()
        let uuid = try await manager.request()
        try await manager.run { client in
            let token = try await Self.register(manager.nextLaunch(), client).jobJwt
            let lines = (1...3000).map { Self.line(Int32($0), #"{"stream":"line \#($0)"}"#, token) }
            #expect(try await Self.log(Array(lines[..<2000]), client).count == 2000)
            // A new stream begins with what the old one had sent.
            #expect(try await Self.log(Array(lines[1500...]), client).allSatisfy(\.self))
        }
        let build = try await manager.builds.find(uuid, in: manager.proof()).build
        let page = try await DatabaseBuildLogStore(manager.database).page(of: .init(build), from: 1, limit: 5000)
        #expect(page?.entries.map(\.message) == (1...3000).map { "line \($0)" })
    }
}
