import HummingbirdCore
import NIOCore
import ServerTLS

/// How connections are served: our own channels, for limits and socket options that hummingbird's do not have.
enum ServerPlumbing {
    /// - Parameter certificate: what to serve TLS with; nil for plain HTTP.
    static func builder(
        certificate: ServerCertificate? = nil, limits: ConnectionLimits = .init(), traffic: Traffic = Traffic()
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            guard let certificate else {
                return RegistryChannel(responder: responder, limits: limits, traffic: traffic)
            }
            return SecureChannel(certificate: certificate, limits: limits, traffic: traffic, responder: responder)
        }
    }
}

/// Keeps the number of open connections at a maximum; those beyond it wait in the kernel.
struct ConnectionCap: AvailableConnectionsDelegate {
    let maximum: Int
    private var count = 0

    init(_ maximum: Int) { self.maximum = maximum }

    mutating func connectionOpened() { count += 1 }
    mutating func connectionClosed() { count -= 1 }
    func isAcceptingNewConnections() -> Bool { count < maximum }
}
