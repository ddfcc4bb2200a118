/// What connections to RegistryLite may cost and how long they may last. Keys of our own.
package struct ConnectionsSection: Sendable {
    /// MAX_CONNECTIONS: more wait in the kernel until one ends.
    package let maximum: Int
    /// REQUEST_HEADER_TIMEOUT: how long the TLS handshake and the head of a request may take.
    package let headerTimeout: Duration
    /// CONNECTION_IDLE_TIMEOUT: how long a connection may rest between two requests, and how long a client may take nothing
    /// of an answer.
    package let idleTimeout: Duration
    /// REQUEST_BODY_MINIMUM_RATE: bytes a second that a client must send on average over REQUEST_BODY_TIMEOUT.
    package let minimumBodyRate: Int
    /// REQUEST_BODY_TIMEOUT.
    package let bodyTimeout: Duration
    /// SHUTDOWN_DELAY: how long the server still takes requests after SIGTERM while its health says 503.
    package let shutdownDelay: Duration
    /// SHUTDOWN_TIMEOUT: how long the server may take to stop, the delay included.
    package let shutdownTimeout: Duration

    init(_ reader: SectionReader) {
        maximum = reader.integer("MAX_CONNECTIONS", default: 16_384, in: 1...1_000_000)
        headerTimeout = reader.seconds("REQUEST_HEADER_TIMEOUT", default: 30, atLeast: 0.1)
        idleTimeout = reader.seconds("CONNECTION_IDLE_TIMEOUT", default: 120, atLeast: 0.1)
        minimumBodyRate = reader.integer("REQUEST_BODY_MINIMUM_RATE", default: 500, in: 0...1_000_000_000)
        bodyTimeout = reader.seconds("REQUEST_BODY_TIMEOUT", default: 60, atLeast: 0.1)
        let (delay, timeout) = (
            reader.seconds("SHUTDOWN_DELAY", default: 0), reader.seconds("SHUTDOWN_TIMEOUT", default: 30, atLeast: 0.1)
        )
        // The contract: at most 30 s.
        let longest = Duration.seconds(30)
        if timeout > longest { reader.problem("SHUTDOWN_TIMEOUT", "Expected 0.1 to 30 seconds.") }
        if delay >= timeout { reader.problem("SHUTDOWN_DELAY", "The delay must be shorter than SHUTDOWN_TIMEOUT.") }
        shutdownTimeout = min(timeout, longest)
        shutdownDelay = delay
    }
}
