/// Where a bucket is, and how requests to it look.
package struct S3Endpoint: Sendable, Hashable {
    package enum Addressing: Sendable, Hashable {
        /// `bucket.host/key`
        case virtualHost
        /// `host/bucket/key`
        case path
    }

    package let bucket: String
    package let region: String
    package let scheme: String
    /// As the Host header has it.
    package let authority: String
    package let addressing: Addressing

    /// - Parameters:
    ///   - host: of the service, not of the bucket; nil for AWS.
    ///   - port: nil for the scheme's own.
    ///   - region: nil for what an AWS host name says, else `us-east-1`.
    ///   - addressing: nil for `bucket.host` on AWS, where the bucket's name can be part of a host name, else the path.
    package init(
        bucket: String, host: String? = nil, port: Int? = nil, region: String? = nil, usesTLS: Bool = true,
        addressing: Addressing? = nil
    ) {
        let isAWS = host.map { $0.hasSuffix(".amazonaws.com") || $0.hasSuffix(".amazonaws.com.cn") } ?? true
        let region = region ?? host.flatMap(Self.region(inHost:)) ?? "us-east-1"
        let host = host ?? "s3.\(region).amazonaws.com"
        self.bucket = bucket
        self.region = region
        scheme = usesTLS ? "https" : "http"
        let fits = bucket.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
        self.addressing = addressing ?? (isAWS && fits ? .virtualHost : .path)
        let named = self.addressing == .virtualHost ? "\(bucket).\(host)" : host
        authority = port.map { $0 == (usesTLS ? 443 : 80) ? named : "\(named):\($0)" } ?? named
    }

    /// For messages: where the bucket is.
    package var address: String { "\(scheme)://\(authority)\(path(of: ""))" }

    /// The path of an object, not encoded.
    func path(of key: String) -> String { addressing == .path ? "/\(bucket)/\(key)" : "/\(key)" }

    /// `eu-west-1` of `s3.eu-west-1.amazonaws.com` and `s3-eu-west-1.amazonaws.com`.
    private static func region(inHost host: String) -> String? {
        guard let end = host.firstRange(of: ".amazonaws.com"), host.hasPrefix("s3") else { return nil }
        let middle = host[..<end.lowerBound].dropFirst(2).drop { $0 == "." || $0 == "-" }
        let name = middle.split(separator: ".").last.map(String.init)
        return name.flatMap { $0.split(separator: "-").count >= 3 ? $0 : nil }
    }
}
