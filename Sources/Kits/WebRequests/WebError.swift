/// Why a request got no usable answer. ``description`` is a sentence for a person; it holds no query, header or password.
package enum WebError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The request itself can't be sent: its address, a header, or a body that can't be read.
    case invalidRequest(_ reason: String)
    /// The address policy, or the rule about plain text, forbids the target.
    case refused(host: String, reason: String)
    /// The name has no address.
    case unresolved(host: String)
    /// Nobody accepts connections there.
    case unreachable(host: String, reason: String)
    /// The server could not prove who it is, or did not accept our certificate.
    case tls(host: String, reason: String)
    case timedOut(host: String, during: Phase)
    /// The answer's body, or its head, is longer than allowed.
    case tooLarge(limit: Int)
    case tooManyRedirects(limit: Int)
    /// The connection broke, or what came over it is not HTTP.
    case interrupted(host: String, reason: String)
    /// An answer that says no, where the caller demanded a 2xx; `excerpt` is the start of its body.
    case unexpectedStatus(Int, host: String, excerpt: String)

    package enum Phase: String, Sendable {
        case connecting, waiting, transferring
    }

    package var description: String {
        switch self {
        case .invalidRequest(let reason): reason
        case .refused(let host, let reason): "Requests to \(host) are not allowed: \(reason)."
        case .unresolved(let host): "The host name \(host) could not be resolved."
        case .unreachable(let host, let reason): "Could not connect to \(host): \(reason)."
        case .tls(let host, let reason): "No trusted TLS connection to \(host): \(reason)."
        case .timedOut(let host, .connecting): "\(host) did not accept a connection in time."
        case .timedOut(let host, .waiting): "\(host) was silent for too long."
        case .timedOut(let host, .transferring): "The request to \(host) took too long."
        case .tooLarge(let limit): "The answer is larger than \(limit) bytes."
        case .tooManyRedirects(let limit): "The answer was redirected more than \(limit) times."
        case .interrupted(let host, let reason): "The connection to \(host) failed: \(reason)."
        case .unexpectedStatus(let status, let host, let excerpt):
            "\(host) answered \(status)\(excerpt.isEmpty ? "" : ": \(excerpt)")."
        }
    }

    /// Whether the same request may well succeed later.
    package var isTransient: Bool {
        switch self {
        case .unresolved, .unreachable, .timedOut, .interrupted: true
        case .unexpectedStatus(let status, _, _): status == 408 || status == 429 || status >= 500
        case .invalidRequest, .refused, .tls, .tooLarge, .tooManyRedirects: false
        }
    }
}
