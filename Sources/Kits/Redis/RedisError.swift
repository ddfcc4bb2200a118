/// Why a Redis command has no answer. ``description`` is a sentence for a person and holds no password.
package enum RedisError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The settings or the command make no sense; nothing was sent.
    case invalid(_ reason: String)
    /// No connection could be made.
    case unreachable(_ reason: String)
    /// The server could not prove who it is, or did not accept our certificate.
    case tls(_ reason: String)
    /// The server refused the user name or the password.
    case notAuthenticated(_ reason: String)
    /// The connection broke after the command was sent: it may have been carried out or not.
    case disconnected(_ reason: String)
    /// No answer in time: the command may have been carried out or not.
    case timedOut
    /// The server's own words, such as `WRONGTYPE Operation against a key holding the wrong kind of value`.
    case refused(_ reply: String)
    /// What came over the connection is not Redis.
    case malformedReply(_ reason: String)
    /// The client was let go of while the command waited.
    case closed

    package var description: String {
        switch self {
        case .invalid(let reason): reason
        case .unreachable(let reason): "Redis can't be reached: \(reason)."
        case .tls(let reason): "No trusted TLS connection to Redis: \(reason)."
        case .notAuthenticated(let reason): "Redis refused the credentials: \(reason)."
        case .disconnected(let reason): "The connection to Redis broke: \(reason)."
        case .timedOut: "Redis did not answer in time."
        case .refused(let reply): "Redis answered: \(reply)."
        case .malformedReply(let reason): "Redis answered with something that is not Redis: \(reason)."
        case .closed: "The connection to Redis was closed by this program."
        }
    }
}
