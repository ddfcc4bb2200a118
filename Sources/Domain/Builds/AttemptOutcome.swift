/// How an attempt ended. Raw values stand in the database.
package enum AttemptOutcome: String, Sendable, Hashable, CaseIterable {
    /// The image was built and pushed.
    case complete
    /// The build itself failed: another attempt would fail the same way.
    case error
    case cancelled
    /// The builder did not register, fell silent, or worked for too long.
    case expired
    /// The builder ended by itself, or broke the rules of the protocol.
    case lost
    /// Its manager was stopped.
    case interrupted
    /// Another manager took the build over.
    case superseded
    /// No executor started it: this launch doesn't count.
    case notStarted = "not_started"

    /// The phase that the build is left in.
    package var phase: BuildPhase {
        switch self {
        case .complete: .complete
        case .error: .error
        case .cancelled: .cancelled
        case .expired, .lost, .interrupted, .superseded: .internalError
        case .notStarted: .waiting
        }
    }

    /// What becomes of the build's queue item.
    package var queueAction: QueueAction {
        switch self {
        case .complete, .error, .cancelled: .complete
        case .expired, .lost, .interrupted: .tryAgain(restoringRetry: false)
        case .notStarted: .tryAgain(restoringRetry: true)
        case .superseded: .leave
        }
    }

    package enum QueueAction: Sendable, Hashable {
        /// The work is done.
        case complete
        /// Back into the queue. Once an executor has started an attempt, its retry is never given back.
        case tryAgain(restoringRetry: Bool)
        /// The item belongs to somebody else by now.
        case leave
    }
}
