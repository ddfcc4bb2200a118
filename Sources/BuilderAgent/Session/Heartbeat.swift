import BuildProtocol
import Domain
import GRPCCore
import Logging
import Runtime

/// Tells the manager every two seconds that the build goes on, in a task of its own, over as many streams as it takes.
struct Heartbeat: Sendable {
    /// Why heartbeats ended before the build did.
    enum End: Sendable, Hashable {
        /// The attempt is over for the manager.
        case refused(String)
        /// Nobody answered for longer than a restart takes.
        case managerGone
        /// The task was cancelled: the build has ended.
        case stopped
    }

    let manager: ManagerConnection
    let jobToken: BuildSecret
    let logger: Logger

    /// Beats until one of the three ends.
    func beat() async -> End {
        let lastReply = LastReply()
        while !Task.isCancelled {
            do {
                if try await stream(lastReply) == .stop {
                    return .refused("the manager refused \(HeartbeatRule.refusalLimit) heartbeats in a row")
                }
            } catch let error as RPCError where error.endsAttempt {
                return .refused(error.sentence)
            } catch {
                if Task.isCancelled { return .stopped }
                logger.warning("heartbeats interrupted", metadata: ["reason": "\(Self.reason(error))"])
            }
            if await lastReply.age > manager.patience.absence { return .managerGone }
            do { try await manager.clock.sleep(for: manager.patience.pause) } catch { return .stopped }
        }
        return .stopped
    }

    /// One stream: a beat, its reply, a pause. Ends with ``HeartbeatRule/Action/stop``, or when the stream does.
    private func stream(_ lastReply: LastReply) async throws -> HeartbeatRule.Action {
        let (permits, permit) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        permit.yield()
        let request = BuildmanPb_HeartbeatRequest(jobToken: jobToken)
        let clock = manager.clock
        let patience = manager.patience
        return try await manager.stub.heartbeat(
            requestProducer: { writer in
                for await _ in permits { try await writer.write(request) }
            },
            onResponse: { response in
                defer { permit.finish() }
                return try await withThrowingTaskGroup(of: HeartbeatRule.Action.self) { group in
                    group.addTask {
                        var rule = HeartbeatRule()
                        for try await message in response.messages {
                            await lastReply.note()
                            switch rule.replied(message.reply) {
                            case .beatAfterPause:
                                try await clock.sleep(for: patience.heartbeat)
                                permit.yield()
                            case .beatAtOnce: permit.yield()
                            case .stop: return .stop
                            }
                        }
                        return .beatAfterPause
                    }
                    group.addTask {
                        // A connection that swallows everything looks alive: silence ends the stream, not the build.
                        while true {
                            try await clock.sleep(for: patience.call)
                            if await lastReply.age > patience.call + patience.heartbeat {
                                throw RPCError(code: .deadlineExceeded, message: "no reply to a heartbeat")
                            }
                        }
                    }
                    defer { group.cancelAll() }
                    return try await group.next() ?? .beatAfterPause
                }
            })
    }

    private static func reason(_ error: any Error) -> String { (error as? RPCError)?.sentence ?? "\(error)" }
}

private actor LastReply {
    private var moment = ContinuousClock.now

    var age: Duration { ContinuousClock.now - moment }

    func note() { moment = .now }
}
