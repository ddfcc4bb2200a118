import BuildProtocol
import Domain
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import GRPCNIOTransportHTTP2Posix
import Runtime
import ServiceLifecycle
import TestSupport
import Testing

@testable import Buildman
@testable import RegistryCore

/// What agents may send that no agent of ours sends, and what they hear when their manager stops.
@Suite("Agent streams", .timeLimit(.minutes(2))) struct AgentStreamTests {
    typealias Service = BuildManagerServiceTests

    @Test("SEC-Resource exhaustion: a message of 16 MB ends its own call and harms no other") func oversized()
        async throws
    {
        let manager = try await ManagerFixture()
        let uuid = try await manager.request()
        try await manager.run { client in
            let token = try await Service.register(manager.nextLaunch(), client).jobJwt
            let huge = #"{"stream":""# + String(repeating: "x", count: 16 << 20) + #""}"#
            let beats = try await client.heartbeat { writer in
                var beat = BuildmanPb_HeartbeatRequest()
                beat.jobJwt = token
                for _ in 0..<2 {
                    try await writer.write(beat)
                    await #expect(throws: RPCError.self) {
                        _ = try await Service.log([Service.line(1, huge, token)], client)
                    }
                    await #expect(throws: RPCError.self) {
                        _ = try await client.setPhase(Service.phase(.building, 1, token, baseImage: huge))
                    }
                }
            } onResponse: { response in
                try await response.messages.reduce(into: [Bool]()) { $0.append($1.reply) }
            }
            // The stream beside it went on, on the same connection.
            #expect(beats == [true, true])
            #expect(try await Service.log([Service.line(1, #"{"stream":"small"}"#, token)], client) == [true])
        }
        #expect(try await manager.log(uuid).map(\.message).contains("small"))
    }

    @Test("a text of more than 65,536 characters is cut, and one of a megabyte too") func longLines() async throws {
        let manager = try await ManagerFixture()
        let uuid = try await manager.request()
        try await manager.run { client in
            let token = try await Service.register(manager.nextLaunch(), client).jobJwt
            let lines = (1...20).map { number in
                Service.line(Int32(number), #"{"stream":""# + String(repeating: "y", count: 1_000_000) + #""}"#, token)
            }
            #expect(try await Service.log(lines, client).allSatisfy(\.self))
        }
        let texts = try await manager.log(uuid).map(\.message).filter { $0.hasPrefix("y") }
        #expect(texts.count == 20)
        #expect(texts.allSatisfy { $0.count == LogStream.maximumLength + 2 })
    }

    @Test(
        "numbers that don't rise, and phases that no agent may report, are refused in their place",
        arguments: [[0], [-1, 1], [5, 5], [9, 3, 10]] as [[Int32]])
    func strangeNumbers(_ numbers: [Int32]) async throws {
        let manager = try await ManagerFixture()
        _ = try await manager.request()
        try await manager.run { client in
            let token = try await Service.register(manager.nextLaunch(), client).jobJwt
            let replies = try await Service.log(
                numbers.map { Service.line($0, #"{"stream":"x"}"#, token) }, client)
            var last: Int32 = 0
            let expected = numbers.map { number in
                defer { last = max(last, number) }
                return number > last
            }
            #expect(replies == expected)
            for phase in [BuildmanPb_Phase.waiting, .UNRECOGNIZED(99)] {
                #expect(try await !client.setPhase(Service.phase(phase, 1, token)).success)
            }
            #expect(try await Service.beat(token, client))
        }
    }

    @Test("the report that ended an attempt is accepted again, as its answer may have got lost; no other is")
    func repeatedEnd() async throws {
        for (phase, other) in [(BuildmanPb_Phase.complete, BuildmanPb_Phase.error), (.error, .complete)] {
            let manager = try await ManagerFixture()
            let uuid = try await manager.request()
            try await manager.run { client in
                let token = try await Service.register(manager.nextLaunch(), client).jobJwt
                for _ in 0..<3 { #expect(try await client.setPhase(Service.phase(phase, 1, token)).success) }
                #expect(try await !client.setPhase(Service.phase(other, 2, token)).success)
                #expect(try await !client.setPhase(Service.phase(.building, 2, token)).success)
            }
            #expect(try await manager.log(uuid).filter { $0.kind == .phase }.count == 2)
        }
    }

    @Test("a manager that stops answers what has come, and ends its streams at once") func stops() async throws {
        let manager = try await ManagerFixture()
        let key = JobKey(buildUUID: "00000000-0000-4000-8000-000000000000", attempt: 1)
        let token = try await manager.tokens.issue(.job, for: key, until: manager.platform.clock.now + .seconds(60))
        let services = ServiceGroup(services: [manager.server], logger: manager.platform.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let port = try #require(try await manager.server.port)
            let begin = try await withGRPCClient(
                transport: .http2NIOPosix(
                    target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext)
            ) { client in
                let stub = BuildmanPb_BuildManager.Client(wrapping: client)
                let (open, opened) = AsyncStream.makeStream(of: Void.self)
                async let beats: Void = Self.followed(stub, token, opened)
                async let lines: Void = Self.followedLog(stub, token, opened)
                var count = 0
                for await _ in open {
                    count += 1
                    if count == 2 { break }
                }
                let begin = ContinuousClock.now
                await services.triggerGracefulShutdown()
                _ = await (beats, lines)
                return begin
            }
            try await group.waitForAll()
            #expect(ContinuousClock.now - begin < .seconds(5))
        }
    }

    /// Holds a heartbeat stream open until its other end closes it.
    private static func followed(
        _ stub: AgentTokenTests.Client, _ token: String, _ opened: AsyncStream<Void>.Continuation
    ) async {
        let (never, hold) = AsyncStream.makeStream(of: Void.self)
        do {
            try await stub.heartbeat { writer in
                var beat = BuildmanPb_HeartbeatRequest()
                beat.jobJwt = token
                try await writer.write(beat)
                for await _ in never {}
            } onResponse: { response in
                defer { hold.finish() }
                for try await _ in response.messages { opened.yield() }
            }
        } catch {
            // How it is told doesn't matter here: that it ended does.
            hold.finish()
        }
    }

    private static func followedLog(
        _ stub: AgentTokenTests.Client, _ token: String, _ opened: AsyncStream<Void>.Continuation
    ) async {
        let (never, hold) = AsyncStream.makeStream(of: Void.self)
        do {
            try await stub.logMessage { writer in
                try await writer.write(BuildManagerServiceTests.line(1, #"{"stream":"x"}"#, token))
                for await _ in never {}
            } onResponse: { response in
                defer { hold.finish() }
                for try await _ in response.messages { opened.yield() }
            }
        } catch { hold.finish() }
    }
}
