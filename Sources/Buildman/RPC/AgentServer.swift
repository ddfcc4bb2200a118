import GRPCCore
import GRPCNIOTransportHTTP2
import Logging
import ServerTLS
import ServiceLifecycle

/// Serves the agents' protocol until it is told to stop.
struct AgentServer: Service {
    /// The longest message that is read.
    static let maximumMessageBytes = 1_048_576

    private let server: GRPCServer<HTTP2ServerTransport.Posix>
    private let address: String
    private let logger: Logger

    /// - Parameters:
    ///   - host: an IPv4 or IPv6 address.
    ///   - port: 0 for any free port.
    ///   - certificate: what to serve TLS with, as it is at each handshake; nil for plain text.
    init(
        _ service: BuildManagerService, host: String, port: Int, certificate: ServerCertificate?, logger: Logger
    ) throws {
        self.address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        self.logger = logger
        server = GRPCServer(
            transport: .http2NIOPosix(
                address: host.contains(":") ? .ipv6(host: host, port: port) : .ipv4(host: host, port: port),
                transportSecurity: try certificate.map { try .tls(certificateReloader: $0) } ?? .plaintext,
                config: .defaults { config in
                    // Agents ping their connection every ten seconds, also while nothing is called.
                    config.connection.keepalive.clientBehavior = .init(
                        minPingIntervalWithoutCalls: .seconds(5), allowWithoutCalls: true)
                    // An agent that is gone without a word holds its connection no longer than its lease.
                    config.connection.keepalive.time = .seconds(30)
                    // An agent has three calls open at most; a proxy may carry several agents on one connection.
                    config.http2.maxConcurrentStreams = 1000
                    // No log line is longer; what is longer ends its own call.
                    config.rpc.maxRequestPayloadSize = Self.maximumMessageBytes
                }),
            services: [service])
    }

    /// The port that is really served, once it is.
    var port: Int? {
        get async throws {
            let address = try await server.listeningAddress
            return address?.ipv4?.port ?? address?.ipv6?.port
        }
    }

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.serve() }
                group.addTask {
                    guard try await port != nil else { return }
                    logger.info("Buildman listens on \(address)")
                }
                try await group.waitForAll()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }
}
