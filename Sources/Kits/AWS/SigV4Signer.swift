import Crypto
package import Foundation

/// Signs requests to AWS and to what speaks its protocols: in headers, or in an address that others may use.
///
/// Pure: the same request, key and moment give the same signature.
/// Source: AWS General Reference, "Signature Version 4"; Amazon S3 API Reference, "Authenticating Requests".
package struct SigV4Signer: Sendable {
    /// In what the services differ.
    package struct Style: Sendable {
        /// The path is encoded a second time for the signature.
        let encodesPathTwice: Bool
        /// The payload's hash goes along as a header, and an address to share leaves the payload open.
        let sendsPayloadHash: Bool

        package static let general = Style(encodesPathTwice: true, sendsPayloadHash: false)
        package static let s3 = Style(encodesPathTwice: false, sendsPayloadHash: true)
    }

    /// What is signed of a request.
    package struct Request: Sendable {
        package var method: String
        /// As the Host header has it: with the port where it is not the scheme's own.
        package var host: String
        /// Not encoded; begins with a slash.
        package var path: String
        /// Not encoded, in any order; a name without a value has an empty one.
        package var query: [(name: String, value: String)]
        /// Besides Host, those whose change would matter.
        package var headers: [(name: String, value: String)]
        package var payload: Payload

        package init(
            _ method: String, host: String, path: String, query: [(name: String, value: String)] = [],
            headers: [(name: String, value: String)] = [], payload: Payload = .bytes([])
        ) {
            self.method = method
            self.host = host
            self.path = path
            self.query = query
            self.headers = headers
            self.payload = payload
        }
    }

    package enum Payload: Sendable {
        case bytes([UInt8])
        /// The connection's own protection is all; for TLS only.
        case unsigned
    }

    private static let algorithm = "AWS4-HMAC-SHA256"

    private let region: String
    private let service: String
    private let style: Style

    package init(region: String, service: String, style: Style) {
        self.region = region
        self.service = service
        self.style = style
    }

    /// The headers that the signature consists of, to be sent with those of the request.
    package func headers(
        for request: Request, with credentials: AWSCredentials, at moment: Date
    ) -> [(name: String, value: String)] {
        let time = Self.timestamp(moment)
        let hash = Self.hash(of: request.payload)
        var added = [(name: "X-Amz-Date", value: time)]
        if style.sendsPayloadHash { added.append((name: "X-Amz-Content-Sha256", value: hash)) }
        if let token = credentials.sessionToken { added.append((name: "X-Amz-Security-Token", value: token)) }
        var signed = request
        signed.headers += added
        let scope = scope(at: time)
        let signature = signature(of: canonical(signed, payloadHash: hash), time: time, scope: scope, by: credentials)
        added.append(
            (
                name: "Authorization",
                value: "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope), "
                    + "SignedHeaders=\(Self.names(signed)), Signature=\(signature)"
            ))
        return added
    }

    /// The query, encoded, with which anybody may send the request for so long. Its payload is not signed where the style
    /// is S3's; everywhere else it must be what the request says.
    /// - Parameter lifetime: whole seconds, 1 to 604,800.
    package func presignedQuery(
        for request: Request, with credentials: AWSCredentials, at moment: Date, lifetime: Duration
    ) -> String {
        let time = Self.timestamp(moment)
        let scope = scope(at: time)
        let hash = style.sendsPayloadHash ? Self.hash(of: .unsigned) : Self.hash(of: request.payload)
        var signed = request
        signed.query += [
            (name: "X-Amz-Algorithm", value: Self.algorithm),
            (name: "X-Amz-Credential", value: "\(credentials.accessKeyID)/\(scope)"),
            (name: "X-Amz-Date", value: time),
            (name: "X-Amz-Expires", value: "\(min(max(1, lifetime.components.seconds), 604_800))"),
            (name: "X-Amz-SignedHeaders", value: Self.names(request)),
        ]
        if let token = credentials.sessionToken { signed.query.append((name: "X-Amz-Security-Token", value: token)) }
        let signature = signature(of: canonical(signed, payloadHash: hash), time: time, scope: scope, by: credentials)
        return Self.encoded(query: signed.query) + "&X-Amz-Signature=\(signature)"
    }

    /// A path as it is sent: everything but unreserved characters and slashes is encoded.
    package static func encoded(path: String) -> String { encoded(path, keepingSlashes: true) }

    /// A query as it is sent and signed: encoded, in the order of the encoded names, then of the values.
    package static func encoded(query: [(name: String, value: String)]) -> String {
        query.map { (encoded($0.name, keepingSlashes: false), encoded($0.value, keepingSlashes: false)) }
            .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map { "\($0)=\($1)" }.joined(separator: "&")
    }

    func canonical(_ request: Request, payloadHash: String) -> String {
        var path = Self.encoded(path: request.path)
        if style.encodesPathTwice { path = Self.encoded(path: path) }
        let lines = Self.lines(request).map { "\($0.name):\($0.value)\n" }.joined()
        return [
            request.method, path, Self.encoded(query: request.query), lines, Self.names(request), payloadHash,
        ].joined(separator: "\n")
    }

    private func scope(at time: String) -> String { "\(time.prefix(8))/\(region)/\(service)/aws4_request" }

    private func signature(of canonical: String, time: String, scope: String, by credentials: AWSCredentials) -> String
    {
        let text = [Self.algorithm, time, scope, Self.hexadecimal(SHA256.hash(data: Data(canonical.utf8)))]
            .joined(separator: "\n")
        var key = SymmetricKey(data: Data("AWS4\(credentials.secretAccessKey)".utf8))
        for part in scope.split(separator: "/") { key = SymmetricKey(data: Self.code(String(part), under: key)) }
        return Self.hexadecimal(Self.code(text, under: key))
    }

    private static func code(_ text: String, under key: SymmetricKey) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key)
    }

    private static func hash(of payload: Payload) -> String {
        switch payload {
        case .bytes(let bytes): hexadecimal(SHA256.hash(data: bytes))
        case .unsigned: "UNSIGNED-PAYLOAD"
        }
    }

    /// Host and the request's headers: names in lower case and in order, several values of one name in one line.
    private static func lines(_ request: Request) -> [(name: String, value: String)] {
        let all =
            [(name: "host", value: request.host)]
            + request.headers.map { (name: $0.name.lowercased(), value: trimmed($0.value)) }
        return Dictionary(grouping: all, by: \.name).map { name, values in
            (name: name, value: values.map(\.value).joined(separator: ","))
        }.sorted { $0.name < $1.name }
    }

    private static func names(_ request: Request) -> String { lines(request).map(\.name).joined(separator: ";") }

    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }

    /// `20150830T123600Z`.
    private static func timestamp(_ moment: Date) -> String {
        moment.formatted(
            Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted, timeZone: .gmt))
    }

    private static func encoded(_ text: String, keepingSlashes: Bool) -> String {
        var result: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.append(byte)
            case UInt8(ascii: "/") where keepingSlashes: result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
    }
}
