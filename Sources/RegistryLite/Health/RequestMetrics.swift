import HTTPTypes
import Metrics

/// Counts the requests of the site. No label holds a text of the client's own.
struct RequestMetrics: Sendable {
    /// What each metric means, for the text format.
    static let help = [
        "registry_http_requests_total": "Requests by part of the site, method and class of the answer's status",
        "registry_http_request_duration_seconds": "From the head of a request to the head of its answer",
    ]

    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    let factory: any MetricsFactory

    func answered(_ method: HTTPRequest.Method, group: String, status: Int, after duration: Duration) {
        let name = Self.methods.contains(method.rawValue) ? method.rawValue : "other"
        Counter(
            label: "registry_http_requests_total",
            dimensions: [("group", group), ("method", name), ("status", "\(status / 100)xx")], factory: factory
        ).increment()
        Timer(
            label: "registry_http_request_duration_seconds", dimensions: [("group", group)], factory: factory
        ).record(duration: duration)
    }
}
