import HTTPTypes
import Metrics
import Synchronization

/// Times the requests of the site, by the template of their path, their method and their status. No label holds a text of
/// the client's own.
final class RequestMetrics: Sendable {
    static let duration = "quay_request_duration_seconds"
    /// What each metric means, for the text format.
    static let help = [duration: "From the head of a request to the end of its answer"]
    /// Seconds, from half a millisecond to the pull of a large layer.
    static let buckets: [String: [Double]] = [
        duration: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
    ]

    private static let methods: Set<HTTPRequest.Method> = [.get, .head, .put, .post, .patch, .delete, .options]

    private struct Key: Hashable {
        let route: String
        let method: HTTPRequest.Method
        let status: Int
    }

    private let factory: any MetricsFactory
    /// Looking a series up by its labels makes texts; this doesn't.
    private let timers = Mutex<[Key: Timer]>([:])

    init(factory: any MetricsFactory) { self.factory = factory }

    func answered(_ request: AnsweredRequest) {
        let known = Self.methods.contains(request.method) ? request.method : nil
        let key = Key(route: request.route, method: known ?? .trace, status: request.status)
        let timer = timers.withLock { timers in
            if let timer = timers[key] { return timer }
            let timer = Timer(
                label: Self.duration,
                dimensions: [
                    ("method", known?.rawValue ?? "other"), ("route", key.route), ("status", String(key.status)),
                ], factory: factory)
            timers[key] = timer
            return timer
        }
        timer.recordNanoseconds(request.duration.nanosecondsClamped)
    }
}

extension Duration {
    /// Whole nanoseconds, as far as they fit.
    var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (high, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : high + attoseconds / 1_000_000_000
    }
}
