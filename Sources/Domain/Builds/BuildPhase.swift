/// How far a build is. The raw value is what the database, the API and the log hold.
///
/// An agent reports ``unpacking`` to ``complete`` and ``error``; the others are Buildman's and the API's.
package enum BuildPhase: String, Sendable, Hashable, CaseIterable {
    /// In the queue.
    case waiting
    /// A builder was started and has not registered yet.
    case scheduled = "build-scheduled"
    case unpacking
    case pulling
    case building
    case pushing
    case complete
    /// The build failed by its own fault: it isn't tried again.
    case error
    /// The attempt failed by ours; the build is tried again while it has retries left.
    case internalError = "internalerror"
    case cancelled

    /// Nothing follows. After ``internalError`` only a new attempt does.
    package var isTerminal: Bool {
        switch self {
        case .complete, .error, .internalError, .cancelled: true
        case .waiting, .scheduled, .unpacking, .pulling, .building, .pushing: false
        }
    }

    /// No attempt can change the phase any more, not even a new one.
    package var isFinal: Bool { isTerminal && self != .internalError }

    /// Too late for a person's cancellation: the image may be half pushed, or the end is written. Source: Quay 6.9.
    package var isPastCancellation: Bool { self == .pushing || isTerminal }
}
