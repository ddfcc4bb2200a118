import Domain
import HTTPTypes

/// What a log line and the metrics say about one request. Nothing in it is secret: no query, no header, and of the paths
/// only those of `/v2`, which hold names and digests.
struct AnsweredRequest: Sendable {
    /// As the client sees it, in X-Request-Id.
    let id: String
    let method: HTTPRequest.Method
    /// The template of its path.
    let route: String
    /// Its path below `/v2/`, without the query; nil elsewhere.
    let path: String?
    let caller: Caller?
    let clientAddress: String?
    let status: Int
    /// Bytes of the answer's body; nil when it broke off.
    var sentBytes: Int?
    /// From the head of the request to the end of its answer.
    var duration: Duration = .zero
}
