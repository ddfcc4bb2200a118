import Synchronization

/// Counts who is inside a database, so that closing can wait for the last one.
package final class ClosingGate: Sendable {
    private struct State {
        var inside = 0
        var isClosed = false
        var closing: [CheckedContinuation<Void, Never>] = []

        mutating func takeWaitersIfEmpty() -> [CheckedContinuation<Void, Never>] {
            guard isClosed, inside == 0 else { return [] }
            defer { closing = [] }
            return closing
        }
    }

    private let state = Mutex(State())

    package init() {}

    package var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Lets the caller in; each successful call needs one ``leave()``.
    ///
    /// Errors: ``DatabaseError/Kind/closed``.
    package func enter() throws {
        try state.withLock { state in
            guard !state.isClosed else { throw DatabaseError(.closed, "The database is closed.") }
            state.inside += 1
        }
    }

    package func leave() {
        let finished = state.withLock { state in
            state.inside -= 1
            return state.takeWaitersIfEmpty()
        }
        for waiter in finished { waiter.resume() }
    }

    /// Lets nobody in any more and returns when the last one has left. Safe to call twice.
    package func close() async {
        await withCheckedContinuation { continuation in
            let finished = state.withLock { state in
                state.isClosed = true
                state.closing.append(continuation)
                return state.takeWaitersIfEmpty()
            }
            for waiter in finished { waiter.resume() }
        }
    }
}
