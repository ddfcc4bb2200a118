import GRPCCore
import GRPCNIOTransportHTTP2

/// How the agent dials its manager.
enum ManagerTransport {
    /// Reconnects quickly: a manager that restarts waits for its agents for a minute only.
    static func make(
        _ server: AgentConfiguration.Server, _ transport: AgentConfiguration.Transport
    ) throws -> HTTP2ClientTransport.Posix {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.backoff = .init(initial: .milliseconds(200), max: .seconds(2), multiplier: 1.6, jitter: 0.2)
        config.connection.maxIdleTime = nil
        return try HTTP2ClientTransport.Posix(
            target: .dns(host: server.host, port: server.port), transportSecurity: security(transport), config: config)
    }

    private static func security(
        _ transport: AgentConfiguration.Transport
    ) -> HTTP2ClientTransport.Posix.TransportSecurity {
        switch transport {
        case .plainText: .plaintext
        case .tls(nil): .tls
        case .tls(.some(let path)): .tls { $0.trustRoots = .certificates([.file(path: path, format: .pem)]) }
        }
    }
}
