import Domain
import Foundation
import Metrics

/// What build managers count. Names and labels are Quay's. Source: Quay 6.13.
struct BuildMetrics: Sendable {
    /// What each metric means, for the text format.
    static let help = [
        "quay_build_fallback_total": "Builds passed on to an executor further down the list",
        "quay_build_ack_duration_seconds": "From the launch of a builder to its registration",
        "quay_build_duration_seconds": "From the launch of a builder to the end of its attempt",
        "quay_build_queue_duration_seconds": "From the request of a build to its launch",
        "quay_build_start_duration_seconds": "How long executors take to start a builder",
    ]

    /// A build was passed on because too few launches are left for this executor.
    func fellBack(_ executor: String) {
        Counter(label: "quay_build_fallback_total", dimensions: [("executor", executor)]).increment()
    }

    /// From the launch to the registration of its builder.
    func registered(_ attempt: BuildAttempt, executor: String, at now: Date) {
        Timer(label: "quay_build_ack_duration_seconds", dimensions: [("executor", executor)])
            .recordSeconds(now.timeIntervalSince(attempt.createdAt))
    }

    /// From the launch to the end.
    func ended(_ attempt: BuildAttempt, _ outcome: AttemptOutcome, executor: String, at now: Date) {
        Timer(
            label: "quay_build_duration_seconds",
            dimensions: [("executor", executor), ("job_status", Self.status(outcome))]
        ).recordSeconds(now.timeIntervalSince(attempt.createdAt))
    }

    /// From the request to its launch.
    func scheduled(requestedAt: Date, succeeded: Bool, at now: Date) {
        Timer(
            label: "quay_build_queue_duration_seconds", dimensions: [("schedule_success", succeeded ? "true" : "false")]
        ).recordSeconds(now.timeIntervalSince(requestedAt))
    }

    /// An executor's start call.
    func started(_ executor: String, took seconds: TimeInterval) {
        Timer(label: "quay_build_start_duration_seconds", dimensions: [("executor", executor)]).recordSeconds(seconds)
    }

    private static func status(_ outcome: AttemptOutcome) -> String {
        switch outcome {
        case .complete: "complete"
        case .error: "error"
        case .cancelled: "cancelled"
        case .expired: "expired"
        case .lost, .interrupted, .superseded, .notStarted: "incomplete"
        }
    }
}
