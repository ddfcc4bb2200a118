import Synchronization

/// Commands of one caller that are sent together, and their replies on the way back.
final class RedisCall: Sendable {
    let bytes: [UInt8]
    let deadline: ContinuousClock.Instant
    private let expected: Int

    private struct State {
        var replies: [RedisReply] = []
        var result: Result<[RedisReply], any Error>?
        var caller: CheckedContinuation<[RedisReply], any Error>?
    }

    private let state = Mutex(State())

    init(_ commands: [[any RedisArgument]], deadline: ContinuousClock.Instant) throws(RedisError) {
        var bytes: [UInt8] = []
        for command in commands { bytes += try EncodedCommand(command).bytes }
        self.bytes = bytes
        self.deadline = deadline
        expected = commands.count
    }

    /// Waits for all replies. Cancelling the task ends the wait, not the commands.
    func replies() async throws -> [RedisReply] {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { caller in
                state.withLock { state in
                    if let result = state.result { caller.resume(with: result) } else { state.caller = caller }
                }
            }
        } onCancel: {
            fail(CancellationError())
        }
    }

    /// Takes the next reply; answers whether it was the last.
    func take(_ reply: RedisReply) -> Bool {
        let replies = state.withLock { state in
            state.replies.append(reply)
            return state.replies
        }
        guard replies.count == expected else { return false }
        finish(.success(replies))
        return true
    }

    func fail(_ error: any Error) { finish(.failure(error)) }

    private func finish(_ result: Result<[RedisReply], any Error>) {
        state.withLock { state in
            guard state.result == nil else { return }
            state.result = result
            state.caller?.resume(with: result)
            state.caller = nil
        }
    }
}
