import Foundation
import TestSupport
import WebRequests

/// What stands before the two programs of a farm, as builders and clients see it.
struct FarmFront: Sendable {
    /// SERVER_HOSTNAME.
    var registry: String
    /// BUILDMAN_HOSTNAME, which agents get verbatim.
    var manager: String
    /// Where something else ends TLS before the programs: the file of the authority that it is believed by.
    var authority: String?
    /// Of another server that agents dial, though the registry is plain.
    var otherAuthority: String?
    /// Where the programs serve TLS themselves: what they serve it with.
    var certificates: TestCertificates?

    /// Nothing: plain text to the programs themselves.
    static func plain(_ registry: Int, _ manager: Int) -> FarmFront {
        FarmFront(registry: "127.0.0.1:\(registry)", manager: "127.0.0.1:\(manager)")
    }

    /// What config.yaml says about it.
    var settings: String {
        if certificates != nil { return "PREFERRED_URL_SCHEME: https" }
        guard authority != nil else { return "PREFERRED_URL_SCHEME: http" }
        return "PREFERRED_URL_SCHEME: https\nEXTERNAL_TLS_TERMINATION: true\nBUILDMAN_TLS: true"
    }

    /// Files beside config.yaml.
    var bundle: [String: String] {
        get throws {
            var paths: [String: String] = [:]
            if let certificates {
                paths["ssl.cert"] = certificates.serverCertificate
                paths["ssl.key"] = certificates.serverKey
            }
            if let authority = certificates?.authority ?? authority ?? otherAuthority {
                paths["extra_ca_cert_test.crt"] = authority
            }
            return try paths.mapValues { try String(contentsOfFile: $0, encoding: .utf8) }
        }
    }

    var trust: TLSTrust {
        guard let authority = certificates?.authority ?? authority else { return .system }
        return TLSTrust(authorities: .only([.file(path: authority)]))
    }
}
