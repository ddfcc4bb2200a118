import Domain
import Foundation
import Metrics

/// What build managers count. Names and labels of the first part are Quay's (6.13), the others are our own.
struct BuildMetrics: Sendable {
    /// What each metric means, for the text format.
    static let help = [
        "quay_build_fallback_total": "Builds passed on to an executor further down the list",
        "quay_build_ack_duration_seconds": "From the launch of a builder to its registration",
        "quay_build_duration_seconds": "From the launch of a builder to the end of its attempt",
        "quay_build_queue_duration_seconds": "How long builds waited for their launch",
        "quay_build_start_duration_seconds": "How long executors take to start a builder",
        "quay_build_jobs": "Attempts that ended, by whether the image was built and pushed",
        "quay_build_executor_skipped_total": "Executors that a build was not given to, by reason",
        "quay_build_executor_healthy": "1: builds are given to the executor; 0: it failed, and is paused or tried",
        "quay_build_start_failures_total": "Start calls that failed or took too long",
        "quay_build_lost_total": "Builders that ended or kept silent, by whether they had registered",
        "quay_build_capacity": "How many builds may be live at once, over all managers",
        "quay_build_kept": "Builders kept for a person to look at (DEBUG); each holds a place",
        "quay_build_blocked": "1 for what keeps the scheduler from starting builds now",
        "quay_build_running": "Live attempts of all managers",
        "quay_build_queue_oldest_wait_seconds": "How long the oldest queued build waits; 0 without one",
    ]

    /// The bounds of histograms in seconds, where the usual ones end too early.
    static let buckets: [String: [Double]] = [
        "quay_build_ack_duration_seconds": [0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 500],
        "quay_build_duration_seconds": [1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200],
        "quay_build_queue_duration_seconds": [
            0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 21_600,
        ],
    ]

    enum StartFailure: String, Sendable, CaseIterable { case error, timeout }

    private let factory: any MetricsFactory

    init(factory: any MetricsFactory = MetricsSystem.factory) { self.factory = factory }

    /// Makes the counters of an executor, so that the first increase of each is seen as one.
    func introduce(_ executor: String) {
        counter("quay_build_fallback_total", [("executor", executor)])
        for reason in [ExecutorSelection.Verdict.otherNamespaces, .fallback, .paused(until: .distantPast), .probed] {
            counter("quay_build_executor_skipped_total", [("executor", executor), ("reason", reason.reason ?? "")])
        }
        for failure in StartFailure.allCases {
            counter("quay_build_start_failures_total", [("executor", executor), ("reason", failure.rawValue)])
        }
        for isRegistered in ["true", "false"] {
            counter("quay_build_lost_total", [("executor", executor), ("registered", isRegistered)])
        }
        for success in ["true", "false"] { counter("quay_build_jobs", [("success", success)]) }
        healthy(executor, true)
    }

    /// A build was not given to an executor.
    func skipped(_ executor: String, _ verdict: ExecutorSelection.Verdict) {
        guard let reason = verdict.reason else { return }
        if verdict == .fallback { counter("quay_build_fallback_total", [("executor", executor)]).increment() }
        counter("quay_build_executor_skipped_total", [("executor", executor), ("reason", reason)]).increment()
    }

    func healthy(_ executor: String, _ isHealthy: Bool) {
        gauge("quay_build_executor_healthy", [("executor", executor)], isHealthy ? 1 : 0)
    }

    func startFailed(_ executor: String, _ failure: StartFailure) {
        counter("quay_build_start_failures_total", [("executor", executor), ("reason", failure.rawValue)]).increment()
    }

    /// From the launch to the registration of its builder.
    func registered(_ attempt: BuildAttempt, executor: String, at now: Date) {
        timer("quay_build_ack_duration_seconds", [("executor", executor)], now.timeIntervalSince(attempt.createdAt))
    }

    /// From the launch to the end.
    func ended(
        _ attempt: BuildAttempt, _ outcome: AttemptOutcome, executor: String, wasRegistered: Bool, at now: Date
    ) {
        timer(
            "quay_build_duration_seconds", [("executor", executor), ("job_status", Self.status(outcome))],
            now.timeIntervalSince(attempt.createdAt))
        if outcome != .cancelled {
            counter("quay_build_jobs", [("success", outcome == .complete ? "true" : "false")]).increment()
        }
        if outcome == .lost || outcome == .expired {
            counter(
                "quay_build_lost_total", [("executor", executor), ("registered", wasRegistered ? "true" : "false")]
            ).increment()
        }
    }

    /// From the request, or the moment at which it was to be tried again, to the launch.
    func scheduled(waitingSince: Date, succeeded: Bool, at now: Date) {
        timer(
            "quay_build_queue_duration_seconds", [("schedule_success", succeeded ? "true" : "false")],
            now.timeIntervalSince(waitingSince))
    }

    /// An executor's start call.
    func started(_ executor: String, took seconds: TimeInterval) {
        timer("quay_build_start_duration_seconds", [("executor", executor)], seconds)
    }

    func capacity(_ count: Int) { gauge("quay_build_capacity", [], Double(count)) }

    func kept(_ count: Int, by executor: String) { gauge("quay_build_kept", [("executor", executor)], Double(count)) }

    func blocked(by reason: SchedulingSituation.Reason) {
        for other in SchedulingSituation.Reason.allCases where other != .free {
            gauge("quay_build_blocked", [("reason", other.rawValue)], other == reason ? 1 : 0)
        }
    }

    /// What only the database knows; NaN for what it did not say.
    func queue(running: [String: Int]?, oldestWait: TimeInterval?, executors: [String]) {
        let names = Set(executors).union(running.map { Set($0.keys) } ?? [])
        for name in names {
            gauge("quay_build_running", [("executor", name)], running.map { Double($0[name] ?? 0) } ?? .nan)
        }
        gauge("quay_build_queue_oldest_wait_seconds", [], oldestWait ?? .nan)
    }

    @discardableResult
    private func counter(_ label: String, _ dimensions: [(String, String)]) -> Counter {
        Counter(label: label, dimensions: dimensions, factory: factory)
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)], _ value: Double) {
        Gauge(label: label, dimensions: dimensions, factory: factory).record(value)
    }

    private func timer(_ label: String, _ dimensions: [(String, String)], _ seconds: TimeInterval) {
        Timer(label: label, dimensions: dimensions, factory: factory).recordSeconds(max(0, seconds))
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
