import Synchronization

/// The listeners of one process: a driver wakes them, ``Database/wakeUps(_:)`` makes them.
package final class SignalHub: Sendable {
    private struct State {
        var nextID = 0
        var listeners: [Int: (name: String, continuation: AsyncStream<Void>.Continuation)] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    package init() {}

    package var hasListeners: Bool { state.withLock { !$0.listeners.isEmpty } }

    /// A stream that keeps one wake-up while its consumer is busy, and begins with one.
    package func listen(to signal: Signal) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id: Int? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.nextID += 1
            state.listeners[state.nextID] = (signal.name, continuation)
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: id) }
        }
        continuation.yield()
        return stream
    }

    /// - Parameter name: a ``Signal/name``.
    package func wake(named name: String) {
        for continuation in continuations(where: { $0 == name }) { continuation.yield() }
    }

    /// Wakes everybody: something may have happened, and nobody knows what.
    package func wakeAll() {
        for continuation in continuations(where: { _ in true }) { continuation.yield() }
    }

    /// Ends every stream, and each later one at once.
    package func close() {
        let open = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return state.listeners.values.map(\.continuation)
        }
        for continuation in open { continuation.finish() }
    }

    // Woken outside the lock: a stream's end calls back into it.
    private func continuations(where matches: (String) -> Bool) -> [AsyncStream<Void>.Continuation] {
        state.withLock { state in
            state.listeners.values.filter { matches($0.name) }.map(\.continuation)
        }
    }
}
