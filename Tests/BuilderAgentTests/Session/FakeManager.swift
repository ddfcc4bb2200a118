import BuildProtocol
import Domain
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import Logging
import OCI
import Runtime
import Synchronization
import Testing

@testable import BuilderAgent

/// A manager that follows a script, behind a real gRPC server on the loopback, and remembers what it was told.
final class FakeManager: BuildmanPb_BuildManager.SimpleServiceProtocol, Sendable {
    struct Script: Sendable {
        var pack = BuildmanPb_BuildPack()
        var registration: RPCError?
        /// The first registrations are accepted, and their answer is lost.
        var lostRegistrations = 0
        /// The answer to the first report of such a phase is lost.
        var lostPhases: Set<BuildPhase> = []
        /// How often a line is refused before it is taken.
        var refusedLines: [Int32: Int] = [:]
        var refusedPhases: Set<BuildPhase> = []
        /// Answers the n-th heartbeat, from 1.
        var heartbeat: @Sendable (Int) -> Bool = { _ in true }
        /// Ends the n-th log stream, from 1, after so many lines that were stored but not acknowledged.
        var breakingStreams: [Int: Int] = [:]
    }

    struct Memory: Sendable {
        /// RPCs in the order of their arrival; phases with their number, heartbeats once.
        var calls: [String] = []
        var heartbeats = 0
        var logStreams = 0
        var openLogStreams = 0
        /// Every line that came, doubles included.
        var received: [Int32] = []
        /// By number, as a store would keep them.
        var lines: [Int32: BuildLogMessage] = [:]
        var pullMetadata: BuildmanPb_SetPhaseRequest.PullMetadata?
    }

    let script: Script
    private let state = Mutex(Memory())

    init(_ script: Script) { self.script = script }

    var memory: Memory { state.withLock { $0 } }

    /// The log in order; nil when a line is missing.
    var log: [BuildLogMessage]? {
        let lines = memory.lines
        return lines.isEmpty
            ? [] : (1...Int32(lines.count)).reduce(into: []) { $0?.append(lines[$1] ?? .output("GAP")) }
    }

    var logText: String {
        (log ?? []).map {
            switch $0 {
            case .output(let text): text
            case .failure(let failure): "FAILURE \(failure.code.rawValue) \(failure.message)\n"
            }
        }.joined()
    }

    func ping(request: BuildmanPb_PingRequest, context: ServerContext) async throws -> BuildmanPb_PingReply {
        note("ping")
        var reply = BuildmanPb_PingReply()
        reply.reply = "pong"
        return reply
    }

    func registerBuildJob(
        request: BuildmanPb_BuildJobArgs, context: ServerContext
    ) async throws -> BuildmanPb_BuildPack {
        note("register \(request.registerJwt)")
        if let error = script.registration { throw error }
        let count = memory.calls.filter { $0.hasPrefix("register") }.count
        guard count > script.lostRegistrations else { throw Self.lost }
        return script.pack
    }

    func heartbeat(
        request: RPCAsyncSequence<BuildmanPb_HeartbeatRequest, any Error>,
        response: RPCWriter<BuildmanPb_HeartbeatResponse>, context: ServerContext
    ) async throws {
        for try await beat in request {
            #expect(beat.jobJwt == script.pack.jobJwt)
            let number = state.withLock { memory in
                memory.heartbeats += 1
                return memory.heartbeats
            }
            var reply = BuildmanPb_HeartbeatResponse()
            reply.reply = script.heartbeat(number)
            try await response.write(reply)
        }
    }

    func setPhase(
        request: BuildmanPb_SetPhaseRequest, context: ServerContext
    ) async throws -> BuildmanPb_SetPhaseResponse {
        let phase = BuildPhase(wire: request.phase)
        note("\(request.sequenceNumber) \(phase?.rawValue ?? "?")")
        if let phase, script.lostPhases.contains(phase),
            memory.calls.filter({ $0 == "\(request.sequenceNumber) \(phase.rawValue)" }).count == 1
        {
            throw Self.lost
        }
        if phase == .pulling { state.withLock { $0.pullMetadata = request.pullMetadata } }
        var reply = BuildmanPb_SetPhaseResponse()
        reply.success = phase.map { !script.refusedPhases.contains($0) } ?? false
        reply.sequenceNumber = request.sequenceNumber
        return reply
    }

    func logMessage(
        request: RPCAsyncSequence<BuildmanPb_LogMessageRequest, any Error>,
        response: RPCWriter<BuildmanPb_LogMessageResponse>, context: ServerContext
    ) async throws {
        let stream = state.withLock { memory in
            memory.logStreams += 1
            memory.openLogStreams += 1
            return memory.logStreams
        }
        defer { state.withLock { $0.openLogStreams -= 1 } }
        var count = 0
        for try await line in request {
            count += 1
            let isTaken = state.withLock { memory in
                memory.received.append(line.sequenceNumber)
                let times = memory.received.filter { $0 == line.sequenceNumber }.count
                guard times > script.refusedLines[line.sequenceNumber] ?? 0 else { return false }
                memory.lines[line.sequenceNumber] = BuildLogMessage(json: line.logMessage)
                return true
            }
            if let limit = script.breakingStreams[stream], count >= limit {
                throw RPCError(code: .unavailable, message: "the script breaks this stream")
            }
            var reply = BuildmanPb_LogMessageResponse()
            reply.success = isTaken
            reply.sequenceNumber = line.sequenceNumber
            try await response.write(reply)
        }
    }

    func determineCachedTag(
        request: BuildmanPb_CachedTagRequest, context: ServerContext
    ) async throws -> BuildmanPb_CachedTag {
        note("cached tag")
        return BuildmanPb_CachedTag()
    }

    private static let lost = RPCError(code: .unavailable, message: "the script loses this answer")

    private func note(_ call: String) { state.withLock { $0.calls.append(call) } }
}

extension FakeManager {
    /// Serves on a free port, or on `port`, while `body` runs.
    func serve<Result: Sendable>(
        port: Int = 0, security: HTTP2ServerTransport.Posix.TransportSecurity = .plaintext,
        _ body: @Sendable (_ port: Int) async throws -> Result
    ) async throws -> Result {
        while true {
            let transport = HTTP2ServerTransport.Posix(
                address: .ipv4(host: "127.0.0.1", port: port), transportSecurity: security)
            let server = GRPCServer(transport: transport, services: [self])
            let result = try await withThrowingTaskGroup(of: Void.self) { group -> Result? in
                group.addTask { try await server.serve() }
                let bound: Int
                do { bound = try #require(try await server.listeningAddress?.ipv4?.port) } catch {
                    // A port of before may still be closing.
                    guard port != 0 else { throw error }
                    return nil
                }
                let result = try await body(bound)
                // Without grace: streams break as when a manager is killed.
                group.cancelAll()
                return result
            }
            if let result { return result }
            try await WallClock.system.sleep(for: .milliseconds(20))
        }
    }
}

/// A container runtime that does what a test says instead of building.
final class ScriptedRuntime: ContainerRuntime {
    let pulled = Mutex<[String]>([])
    let pushed = Mutex<[String]>([])
    let cleanUps = Mutex(0)
    private let building: @Sendable (BuildOutput) async throws -> Void

    init(building: @escaping @Sendable (BuildOutput) async throws -> Void = { _ in }) { self.building = building }

    func check() async throws {}
    func pull(_ image: ImageReference, log: BuildOutput) async throws { pulled.withLock { $0.append(image.text) } }
    func build(_ order: BuildOrder, log: BuildOutput) async throws -> String {
        try await building(log)
        return "sha256:0"
    }
    func push(_ imageID: String, to target: ImageReference, log: BuildOutput) async throws -> Digest {
        pushed.withLock { $0.append(target.text) }
        return Digest(of: [])
    }
    func cleanUp() async { cleanUps.withLock { $0 += 1 } }
}
