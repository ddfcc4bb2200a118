import HTTPTypes
import Hummingbird
import Logging
import RegistryCore

/// Who sent a request and what it is called, as far as a trusted proxy may say it.
struct RequestIdentity: Sendable {
    let proxies: TrustedProxies

    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")
    static let requestID = HTTPField.Name("X-Request-Id")
    /// Where hummingbird keeps the name that it gives each request.
    private static let metadataKey = "hb.request.id"
    private static let longestID = 128

    /// Takes over what the headers of a trusted proxy say; headers of anybody else mean nothing.
    func identify(_ request: Request, in context: inout AppContext) {
        guard !proxies.isEmpty, let peer = context.peerAddress, proxies.trusts(peer) else { return }
        if let name = Self.forwardedFor {
            context.forwardedAddress = proxies.client(peer: peer, forwardedFor: request.headers[values: name])
        }
        if let name = Self.requestID, let id = request.headers[name], Self.isWellFormed(id) {
            context.logger[metadataKey: Self.metadataKey] = .string(id)
        }
    }

    /// Letters, digits, `.`, `_` and `-`: nothing that could mean something in a log or a header.
    static func isWellFormed(_ id: String) -> Bool {
        (1...longestID).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
