import Synchronization

/// Where one transfer and the task that waits for it meet: the loop's thread on one side, async code on the other.
///
/// Every method may be called from any thread. The first end (finish, failure, cancellation) wins.
final class Exchange: Sendable {
    /// What the async side asks of the loop.
    enum Signal: Sendable {
        case resumeReceiving, resumeSending, stop
    }

    /// The loop's orders after it offered or asked for bytes.
    enum Verdict {
        case done(Int), wait, abort
    }

    /// So many bytes may wait for a slow reader, or for a slow network, before the other side is stopped.
    static let highWatermark = 262_144

    private struct State {
        var head: WebResponseHead?
        var headReader: CheckedContinuation<WebResponseHead, any Error>?
        var incoming: [UInt8] = []
        var isReceivingPaused = false
        var chunkReader: CheckedContinuation<[UInt8]?, any Error>?
        var outgoing: [UInt8] = []
        var sent = 0
        var isOutgoingComplete = false
        var isSendingPaused = false
        var producer: CheckedContinuation<Void, any Error>?
        var end: Result<Void, any Error>?
        var atEnd: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let signal: @Sendable (Signal) -> Void

    init(signal: @escaping @Sendable (Signal) -> Void) { self.signal = signal }

    /// Waits for the head. Cancelling the task ends the transfer.
    func head() async throws -> WebResponseHead {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { reader in
                state.withLock { state in
                    if let head = state.head {
                        reader.resume(returning: head)
                    } else if case .failure(let error) = state.end {
                        reader.resume(throwing: error)
                    } else {
                        state.headReader = reader
                    }
                }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Everything that has arrived, or the next bytes that do; `nil` at the end. Cancelling the task ends the transfer.
    func nextChunk() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { reader in
                let resume = state.withLock { state -> Bool in
                    if !state.incoming.isEmpty {
                        reader.resume(returning: Self.drain(&state))
                    } else if let end = state.end {
                        // An error is told once.
                        state.end = .success(())
                        reader.resume(with: end.map { nil })
                    } else {
                        state.chunkReader = reader
                    }
                    defer { state.isReceivingPaused = false }
                    return state.isReceivingPaused
                }
                if resume { signal(.resumeReceiving) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Hands over the next bytes of the request's body; waits while the network is slower.
    func send(_ bytes: [UInt8]) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (producer: CheckedContinuation<Void, any Error>) in
                let resume = state.withLock { state -> Bool in
                    if let end = state.end {
                        producer.resume(throwing: Self.reason(of: end))
                        return false
                    }
                    state.outgoing += bytes
                    if state.outgoing.count - state.sent < Self.highWatermark {
                        producer.resume()
                    } else {
                        state.producer = producer
                    }
                    defer { state.isSendingPaused = false }
                    return state.isSendingPaused
                }
                if resume { signal(.resumeSending) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// The request's body is complete.
    func finishSending() {
        state.withLock { state in
            state.isOutgoingComplete = true
            state.isSendingPaused = false
        }
        signal(.resumeSending)
    }

    func cancel() { fail(CancellationError()) }

    /// Ends the transfer from this side.
    func fail(_ error: any Error) {
        finish(.failure(error))
        signal(.stop)
    }

    /// Runs `action` at the end, or now when that has passed.
    func onEnd(_ action: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if state.end == nil { state.atEnd = action }
            return state.end != nil
        }
        if isOver { action() }
    }

    /// From here on: what the loop calls.
    func deliver(_ head: WebResponseHead) {
        state.withLock { state in
            state.head = head
            state.headReader?.resume(returning: head)
            state.headReader = nil
        }
    }

    func receive(_ bytes: UnsafeRawBufferPointer) -> Verdict {
        state.withLock { state in
            if state.end != nil { return .abort }
            if state.incoming.count >= Self.highWatermark {
                state.isReceivingPaused = true
                return .wait
            }
            state.incoming += bytes
            if let reader = state.chunkReader {
                state.chunkReader = nil
                reader.resume(returning: Self.drain(&state))
            }
            return .done(bytes.count)
        }
    }

    /// Fills `space` with the next bytes of the body; `.done(0)` is its end.
    func provide(_ space: UnsafeMutableRawBufferPointer) -> Verdict {
        state.withLock { state in
            if state.end != nil { return .abort }
            let count = min(space.count, state.outgoing.count - state.sent)
            if count == 0 {
                if state.isOutgoingComplete { return .done(0) }
                state.isSendingPaused = true
                return .wait
            }
            state.outgoing.withUnsafeBytes {
                space.copyMemory(from: .init(rebasing: $0[state.sent..<state.sent + count]))
            }
            state.sent += count
            if state.sent == state.outgoing.count {
                state.outgoing.removeAll(keepingCapacity: true)
                state.sent = 0
            }
            if state.outgoing.count - state.sent < Self.highWatermark {
                state.producer?.resume()
                state.producer = nil
            }
            return .done(count)
        }
    }

    func finish(_ end: Result<Void, any Error>) {
        let action: (@Sendable () -> Void)? = state.withLock { state in
            guard state.end == nil else { return nil }
            state.end = end
            let error = Self.reason(of: end)
            state.headReader?.resume(throwing: error)
            state.headReader = nil
            state.producer?.resume(throwing: error)
            state.producer = nil
            if let reader = state.chunkReader {
                state.chunkReader = nil
                state.end = .success(())
                reader.resume(with: end.map { nil })
            }
            defer { state.atEnd = nil }
            return state.atEnd
        }
        action?()
    }

    /// What somebody hears who still wanted something: a good end leaves nothing to wait for.
    private static func reason(of end: Result<Void, any Error>) -> any Error {
        switch end {
        case .success: CancellationError()
        case .failure(let cause): cause
        }
    }

    private static func drain(_ state: inout State) -> [UInt8] {
        defer { state.incoming = [] }
        return state.incoming
    }
}
