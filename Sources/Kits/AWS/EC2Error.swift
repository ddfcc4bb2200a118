import WebRequests

/// What EC2 said no to.
package struct EC2Error: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// Not now, or no answer: overloaded, broken, or not reachable. What was asked for may have happened.
        case unavailable
        /// The key, or its signature, or its rights are not good enough.
        case denied
        /// There is no such instance, image, network or key; an instance that was just started may not be known yet.
        case notFound
        /// There is no room for the instance, in the zone or in the account's quota.
        case noCapacity
        /// The token of the launch was used before, for another launch.
        case tokenUsed
        /// Anything else.
        case failed
    }

    package let kind: Kind
    /// AWS's own word, such as `RequestLimitExceeded`; empty when there was no answer, or no such word in it.
    package let code: String
    /// A sentence with the service's own words; without secrets.
    package let message: String

    package var description: String { message }

    package init(_ kind: Kind, code: String = "", _ message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    /// - Parameter body: XML, or nothing, or somebody else's page.
    init(status: Int, body: [UInt8], doing: String) {
        let error = (try? XMLTree(body))?["Errors"]?["Error"]
        let code = error?.text("Code") ?? ""
        var words = code.isEmpty ? "status \(status)" : "\(code) (\(status))"
        if let text = error?.text("Message"), !text.isEmpty { words += ", “\(text.prefix(300))”" }
        self.init(Self.kind(of: code, status: status), code: code, "\(doing): EC2 answered \(words).")
    }

    /// The request got no answer.
    init(_ error: WebError, doing: String) {
        self.init(error.isTransient ? .unavailable : .failed, "\(doing): \(error)")
    }

    /// Source: Amazon EC2 API Reference, "Error codes".
    private static func kind(of code: String, status: Int) -> Kind {
        switch code {
        case "RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled", "InternalError",
            "InternalFailure", "Unavailable", "ServiceUnavailable", "BandwidthLimitExceeded":
            .unavailable
        case "AuthFailure", "UnauthorizedOperation", "SignatureDoesNotMatch", "InvalidClientTokenId", "Blocked",
            "RequestExpired", "OptInRequired", "PendingVerification", "AccessDenied", "AccessDeniedException":
            .denied
        case "InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientAddressCapacity",
            "InsufficientFreeAddressesInSubnet", "InstanceLimitExceeded", "VcpuLimitExceeded",
            "VolumeLimitExceeded", "MaxSpotInstanceCountExceeded":
            .noCapacity
        case "IdempotentParameterMismatch": .tokenUsed
        case _ where code.hasSuffix(".NotFound"): .notFound
        case "": status == 401 || status == 403 ? .denied : status == 429 || status >= 500 ? .unavailable : .failed
        default: status == 401 || status == 403 ? .denied : status >= 500 ? .unavailable : .failed
        }
    }
}
