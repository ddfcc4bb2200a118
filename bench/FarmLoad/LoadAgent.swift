import BuildProtocol
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import Runtime
import Synchronization

/// One agent: registers, beats its heart every two seconds, reports its phases, and prints.
struct LoadAgent {
    /// What each build does.
    struct Pace: Sendable {
        let duration: Duration
        let lines: Int
    }

    /// What became of a build; times in seconds since 1970.
    private struct Report: Encodable, Sendable {
        var build = ""
        var arrived = 0.0
        var registered = 0.0
        var ended = 0.0
        /// Lines that the manager has acknowledged.
        var lines = 0
        var problem: String?
    }

    private struct Trouble: Error, CustomStringConvertible { let description: String }

    private typealias Stub = BuildmanPb_BuildManager.Client<HTTP2ClientTransport.Posix>

    /// - Parameter introduction: `SERVER TOKEN BUILD`.
    static func run(_ introduction: String, _ pace: Pace, arrived: Date) async -> String {
        var report = Report()
        report.arrived = arrived.timeIntervalSince1970
        let words = introduction.split(whereSeparator: \.isWhitespace).map(String.init)
        let address = words.first?.split(separator: ":").map(String.init) ?? []
        if words.count == 3, address.count == 2, let port = Int(address[1]) {
            report.build = words[2]
            do {
                (report.registered, report.lines) = try await withGRPCClient(
                    transport: .http2NIOPosix(
                        target: .ipv4(address: address[0], port: port), transportSecurity: .plaintext)
                ) { client in
                    try await build(Stub(wrapping: client), token: words[1], pace)
                }
            } catch { report.problem = "\(error)" }
        } else {
            report.problem = "a builder said \(introduction.prefix(40))"
        }
        report.ended = WallClock.system.now.timeIntervalSince1970
        let json = (try? JSONEncoder().encode(report)) ?? Data()
        return String(decoding: json, as: UTF8.self)
    }

    /// Answers when it registered, and how many lines were acknowledged.
    private static func build(_ stub: Stub, token: String, _ pace: Pace) async throws -> (Double, Int) {
        guard try await stub.ping(.init()).reply == "pong" else { throw Trouble(description: "no pong") }
        var arguments = BuildmanPb_BuildJobArgs()
        arguments.registerJwt = token
        let job = try await stub.registerBuildJob(arguments).jobJwt
        let registered = WallClock.system.now.timeIntervalSince1970
        let lines = try await withThrowingTaskGroup(of: Int?.self, returning: Int.self) { group in
            group.addTask {
                try await beat(stub, job)
                return nil
            }
            group.addTask { try await work(stub, job, pace) }
            defer { group.cancelAll() }
            while let result = try await group.next() { if let result { return result } }
            return 0
        }
        try await phase(.complete, 5, stub, job)
        return (registered, lines)
    }

    /// Until it is cancelled; a refusal is trouble.
    private static func beat(_ stub: Stub, _ job: String) async throws {
        let (permits, permit) = AsyncStream.makeStream(of: Void.self)
        permit.yield()
        var beat = BuildmanPb_HeartbeatRequest()
        beat.jobJwt = job
        let request = beat
        try await stub.heartbeat { writer in
            for await _ in permits { try await writer.write(request) }
        } onResponse: { response in
            defer { permit.finish() }
            for try await reply in response.messages {
                guard reply.reply else { throw Trouble(description: "a heartbeat was refused") }
                try await WallClock.system.sleep(for: .seconds(2))
                permit.yield()
            }
        }
    }

    /// Answers how many lines were acknowledged.
    private static func work(_ stub: Stub, _ job: String, _ pace: Pace) async throws -> Int {
        for (number, one) in [BuildmanPb_Phase.unpacking, .pulling, .building].enumerated() {
            try await phase(one, Int32(number + 1), stub, job)
        }
        let pause = pace.lines > 0 ? pace.duration / pace.lines : pace.duration
        let acknowledged = try await stub.logMessage { writer in
            for number in 0..<pace.lines {
                try await WallClock.system.sleep(for: pause)
                var line = BuildmanPb_LogMessageRequest()
                line.jobJwt = job
                line.sequenceNumber = Int32(number + 1)
                line.logMessage =
                    #"{"stream":"Step \#(number + 1): a line of a build as builds have them, of usual length\n"}"#
                try await writer.write(line)
            }
        } onResponse: { response in
            var count = 0
            for try await reply in response.messages {
                guard reply.success else { throw Trouble(description: "line \(reply.sequenceNumber) was refused") }
                count += 1
            }
            return count
        }
        if pace.lines == 0 { try await WallClock.system.sleep(for: pace.duration) }
        try await phase(.pushing, 4, stub, job)
        return acknowledged
    }

    private static func phase(_ phase: BuildmanPb_Phase, _ number: Int32, _ stub: Stub, _ job: String) async throws {
        var request = BuildmanPb_SetPhaseRequest()
        request.jobJwt = job
        request.sequenceNumber = number
        request.phase = phase
        guard try await stub.setPhase(request).success else { throw Trouble(description: "\(phase) was refused") }
    }
}
