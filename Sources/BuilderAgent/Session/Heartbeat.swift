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
        let replies = Replies()
        var backoff = manager.patience.backoff
        while !Task.isCancelled {
            let before = await replies.count
            do {
                if try await watched(replies) == .stop {
                    return .refused("the manager refused \(HeartbeatRule.refusalLimit) heartbeats in a row")
                }
            } catch let error as RPCError where error.endsAttempt {
                return .refused(error.sentence)
            } catch {
                if Task.isCancelled { return .stopped }
                logger.warning("heartbeats interrupted", metadata: ["reason": "\(Self.reason(error))"])
            }
            if await replies.count > before { backoff.reset() }
            if await replies.silence > manager.patience.absence { return .managerGone }
            do { try await manager.clock.sleep(for: backoff.next()) } catch { return .stopped }
        }
        return .stopped
    }

    /// One stream. A connection that swallows everything looks alive: silence ends the stream, not the build.
    private func watched(_ replies: Replies) async throws -> HeartbeatRule.Action {
        let patience = manager.patience
        let begin = ContinuousClock.now
        return try await withThrowingTaskGroup(of: HeartbeatRule.Action.self) { group in
            group.addTask { try await stream(replies) }
            group.addTask {
                while true {
                    try await manager.clock.sleep(for: patience.call / 4)
                    let silence = min(await replies.silence, ContinuousClock.now - begin)
                    guard silence > patience.call + patience.heartbeat else { continue }
                    throw RPCError(code: .deadlineExceeded, message: "no reply to a heartbeat")
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .beatAfterPause
        }
    }

    /// A beat, its reply, a pause, and so on. Ends with ``HeartbeatRule/Action/stop``, or when the stream does.
    private func stream(_ replies: Replies) async throws -> HeartbeatRule.Action {
        let (permits, permit) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        permit.yield()
        let request = BuildmanPb_HeartbeatRequest(jobToken: jobToken)
        let clock = manager.clock
        let pause = manager.patience.heartbeat
        return try await manager.stub.heartbeat(
            requestProducer: { writer in
                for await _ in permits { try await writer.write(request) }
            },
            onResponse: { response in
                defer { permit.finish() }
                var rule = HeartbeatRule()
                for try await message in response.messages {
                    await replies.note()
                    switch rule.replied(message.reply) {
                    case .beatAfterPause:
                        try await clock.sleep(for: pause)
                        permit.yield()
                    case .beatAtOnce: permit.yield()
                    case .stop: return .stop
                    }
                }
                return .beatAfterPause
            })
    }

    private static func reason(_ error: any Error) -> String { (error as? RPCError)?.sentence ?? "\(error)" }
}

private actor Replies {
    private var last = ContinuousClock.now
    private(set) var count = 0

    /// How long ago the last reply came; before the first one: how long ago heartbeats began.
    var silence: Duration { ContinuousClock.now - last }

    func note() {
        last = .now
        count += 1
    }
}
