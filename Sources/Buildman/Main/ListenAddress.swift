import Foundation
import NIOCore
import NIOPosix
import RegistryCore

/// An address of this machine to serve on. Shape: `host:port`, an IPv6 address in brackets.
struct ListenAddress: Sendable, Hashable {
    /// An IPv4 or IPv6 address.
    let host: String
    let port: Int

    /// Errors: ``Failure`` that names `option`.
    init(_ text: String, option: String) throws {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon > text.startIndex
        else { throw Failure("\(option) must be HOST:PORT, not \(text).", .usage) }
        let host = text[..<colon].trimmingCharacters(in: ["[", "]"])
        self.host = host == "localhost" ? "127.0.0.1" : host
        self.port = port
        guard self.host.allSatisfy({ $0.isHexDigit || $0 == "." || $0 == ":" }) else {
            throw Failure("\(option) must name an address of this machine, such as 127.0.0.1, not \(host).", .usage)
        }
    }

    var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }

    /// Proves that no other process serves on this address, by serving there for a moment. Errors: the network's.
    func proveFree() async throws {
        guard port != 0 else { return }
        try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: host, port: port).get().close()
    }
}
