import Logging
import Synchronization

/// What keeps the scheduler from starting builds, as a gauge for each reason and as a line of the log when it changes.
final class SchedulingSituation: Sendable {
    enum Reason: String, Sendable, CaseIterable {
        /// Nothing does.
        case free
        /// As many builds run as may.
        case atCapacity = "at_capacity"
        /// ALLOWED_WORKER_COUNT is 0, or kept builders hold every place.
        case noPlaces = "no_places"
        /// Builds wait, and no executor may be asked for any of them.
        case noExecutor = "no_executor"
    }

    private let metrics: BuildMetrics
    private let logger: Logger
    private let current = Mutex(Reason.free)

    init(metrics: BuildMetrics, logger: Logger) {
        self.metrics = metrics
        self.logger = logger
        metrics.blocked(by: .free)
    }

    func `is`(_ reason: Reason) {
        let before = current.withLock { current in
            defer { current = reason }
            return current
        }
        guard before != reason else { return }
        metrics.blocked(by: reason)
        if reason == .noExecutor {
            logger.warning(
                "builds wait: no executor may be asked for them now; none is lost, and none uses up a launch")
        } else if before == .noExecutor {
            logger.notice("builds are started again")
        }
    }

    func failed(_ error: any Error) {
        logger.error("the build queue can't be read", metadata: ["error": "\(error)"])
    }
}
