import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import WebRequests

/// How the agent dials its manager.
enum ManagerTransport {
    /// Reconnects quickly: a manager that restarts waits for its agents for a minute only.
    static func make(
        _ server: AgentConfiguration.Server, _ transport: AgentConfiguration.Transport
    ) throws -> HTTP2ClientTransport.Posix {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.backoff = .init(initial: .milliseconds(200), max: .seconds(2), multiplier: 1.6, jitter: 0.2)
        config.connection.maxIdleTime = nil
        // A connection whose other end is gone without a word must not look alive for as long as the kernel believes in it.
        config.connection.keepalive = .init(time: .seconds(10), timeout: .seconds(10), allowWithoutCalls: true)
        return try HTTP2ClientTransport.Posix(
            target: target(server), transportSecurity: try security(transport), config: config)
    }

    /// An address isn't looked up: as a name it would be sent to the server as one, which TLS forbids.
    private static func target(_ server: AgentConfiguration.Server) -> any ResolvableTarget {
        switch IPAddress(server.host) {
        case .v4: .ipv4(address: server.host, port: server.port)
        case .v6: .ipv6(address: server.host, port: server.port)
        case nil: .dns(host: server.host, port: server.port)
        }
    }

    /// TLS_CERT_PATH can't be used.
    struct BadCertificates: Error, CustomStringConvertible {
        let description: String
    }

    private static func security(
        _ transport: AgentConfiguration.Transport
    ) throws -> HTTP2ClientTransport.Posix.TransportSecurity {
        switch transport {
        case .plainText: return .plaintext
        case .tls(nil): return .tls
        case .tls(.some(let path)):
            let roots = try certificates(path)
            return .tls { $0.trustRoots = .certificates(roots) }
        }
    }

    /// Every certificate of a PEM file: a bundle may hold several.
    private static func certificates(_ path: String) throws -> [TLSConfig.CertificateSource] {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw BadCertificates(description: "TLS_CERT_PATH: the file \(path) can't be read.")
        }
        let end = "-----END CERTIFICATE-----"
        let blocks = text.components(separatedBy: end).dropLast().compactMap { part -> TLSConfig.CertificateSource? in
            guard let begin = part.range(of: "-----BEGIN CERTIFICATE-----") else { return nil }
            return .bytes(Array((part[begin.lowerBound...] + end + "\n").utf8), format: .pem)
        }
        guard !blocks.isEmpty else {
            throw BadCertificates(description: "TLS_CERT_PATH: the file \(path) holds no certificate in PEM.")
        }
        return blocks
    }
}
