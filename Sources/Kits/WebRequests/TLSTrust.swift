import Foundation

/// Whom a client believes over TLS, and how it proves itself. At least TLS 1.2; names are always checked.
package struct TLSTrust: Sendable, Hashable {
    /// Certificates or a key in PEM, given as text or as a file that is read anew for each request.
    package enum PEM: Sendable, Hashable {
        case text(String)
        case file(path: String)

        func bytes() throws(WebError) -> [UInt8] {
            switch self {
            case .text(let text): return Array(text.utf8)
            case .file(let path):
                do { return Array(try Data(contentsOf: URL(fileURLWithPath: path))) } catch {
                    throw .invalidRequest("The certificate file \(path) can't be read.")
                }
            }
        }
    }

    package enum Authorities: Sendable, Hashable {
        /// Those of the operating system.
        case system
        case systemAnd([PEM])
        /// These and no other.
        case only([PEM])
    }

    package struct Identity: Sendable, Hashable {
        package var certificate: PEM
        package var key: PEM

        package init(certificate: PEM, key: PEM) {
            self.certificate = certificate
            self.key = key
        }
    }

    package enum PlainText: Sendable, Hashable { case allowed, refused }

    package var authorities = Authorities.system
    /// The client certificate, for servers that ask for one.
    package var identity: Identity?
    /// Whether addresses that begin with http: may be requested at all.
    package var plainText = PlainText.allowed

    package init(authorities: Authorities = .system, identity: Identity? = nil, plainText: PlainText = .allowed) {
        self.authorities = authorities
        self.identity = identity
        self.plainText = plainText
    }

    package static let system = TLSTrust()
}
