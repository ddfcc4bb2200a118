import NIOCore
import RegistryCore

/// What one connection may cost. Source: the keys of ConnectionsSection.
struct ConnectionLimits: Sendable, Hashable {
    /// A header with its name, in bytes.
    var headerFieldBytes = 32 * 1024
    /// All headers of a request, in bytes: a registry token and its cookies fit in many times.
    var headerListBytes = 64 * 1024
    var headerFields = 200
    /// The path of a request with its query, in bytes. Longer ones get 414.
    var targetBytes = 8 * 1024
    /// How long the TLS handshake may take, and the head of a request from its first byte (the first one of a connection:
    /// from the connection's beginning).
    var header: TimeAmount = .seconds(30)
    /// How long a connection may rest between requests, and how long a client may take nothing of an answer.
    var idle: TimeAmount = .seconds(120)
    /// How long bodies are watched before they are judged.
    var body: TimeAmount = .seconds(60)
    /// Bytes a second that a body must bring on average, while the server waits for it; 0 for no limit.
    var bodyRate = 500

    /// How often a connection is looked at: every limit is kept at least, and at most this much longer.
    var tick: TimeAmount { min(header, idle, body) }
}

extension ConnectionLimits {
    /// The configured limits.
    init(_ section: ConnectionsSection) {
        header = TimeAmount(section.headerTimeout)
        idle = TimeAmount(section.idleTimeout)
        body = TimeAmount(section.bodyTimeout)
        bodyRate = section.minimumBodyRate
    }
}
