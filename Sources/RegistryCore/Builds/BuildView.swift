package import Domain

package import struct Foundation.Date

/// A build as people see it: the row and what its queue item and its live attempt say beside it.
package struct BuildView: Sendable, Hashable {
    package let build: Build
    package let repository: RepositoryName
    /// When the running builder was heard last; nil while none has registered.
    package let heartbeatAt: Date?
    package let shownPhase: ShownPhase
    /// When what happened to it, launch by launch.
    package let timeline: BuildTimeline

    /// The phases of a build, and two that no row holds. Source: Quay 1.12, phase presentation.
    package enum ShownPhase: Sendable, Hashable {
        case stored(BuildPhase)
        /// Every launch was used up without an outcome.
        case expired
        /// The log store can't be reached.
        case cannotLoad

        package var text: String {
            switch self {
            case .stored(let phase): phase.rawValue
            case .expired: "expired"
            case .cannotLoad: "cannot_load"
            }
        }
    }

    /// Whether the build has ended for good: nothing is logged any more.
    package let isOver: Bool

    /// After how long a silence a running build is shown as lost, before anybody has decided so.
    private static let silenceSeconds: Double = 60 + 20

    /// - Parameters:
    ///   - hasRetriesLeft: what the queue says of the build's item.
    ///   - attempt: the attempt that works on the build now.
    ///   - attempts: all of them, for the timeline.
    package init(
        build: Build, repository: RepositoryName, hasRetriesLeft: Bool, attempt: BuildAttempt?,
        attempts: [BuildTimeline.Attempt] = [], now: Date
    ) {
        self.build = build
        self.repository = repository
        self.heartbeatAt = attempt?.heartbeatAt
        self.timeline = BuildTimeline(queuedAt: build.startedAt, endedAt: build.endedAt, attempts: attempts)
        self.isOver = build.phase.isFinal || (build.phase == .internalError && !hasRetriesLeft && attempt == nil)
        if build.phase == .internalError, !hasRetriesLeft, attempt == nil {
            self.shownPhase = .expired
        } else if !build.phase.isTerminal, let heartbeat = attempt?.heartbeatAt,
            now.timeIntervalSince(heartbeat) > Self.silenceSeconds
        {
            self.shownPhase = .stored(.internalError)
        } else {
            self.shownPhase = .stored(build.phase)
        }
    }
}
