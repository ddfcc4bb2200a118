import struct Foundation.Data

/// One HTTP request, with every limit that applies to it.
package struct WebRequest: Sendable {
    package enum Method: String, Sendable {
        case get = "GET", head = "HEAD", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE"
    }

    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// The whole file, read while it is sent; its length when the request starts is announced.
        case file(path: String)
        /// Chunks as they come, read no faster than they are sent. With a `length` exactly so many bytes must come;
        /// without, they are sent chunked. Can't be sent a second time, so a redirect that asks for it fails.
        case stream(length: Int?, any AsyncSequence<[UInt8], any Error> & Sendable)
    }

    /// How long to wait; `nil` means without limit.
    package struct Timeouts: Sendable, Hashable {
        /// From the first byte sent to the last byte received, over all redirects.
        package var total: Duration?
        /// For the name's address, the connection and TLS together.
        package var connect: Duration
        /// Without a byte in either direction; time in which *this* side doesn't read or write doesn't count.
        package var idle: Duration?

        package init(total: Duration? = .seconds(60), connect: Duration = .seconds(10), idle: Duration? = .seconds(30))
        {
            self.total = total
            self.connect = connect
            self.idle = idle
        }
    }

    package enum Redirects: Sendable, Hashable {
        /// A 3xx is the answer.
        case none
        /// At most so many hops. Each is judged like a first request; on the way to another scheme, host or port only
        /// harmless headers are kept (no `Authorization`, no cookies, nothing unknown); never from https to http.
        case follow(limit: Int)
    }

    package var method: Method
    /// An absolute http or https address. A user name and password in it become Basic authorization.
    package var url: String
    package var headers: WebHeaders
    package var body: Body
    package var timeouts = Timeouts()
    package var redirects = Redirects.follow(limit: 5)
    /// The largest body accepted as an answer, in bytes; `nil` means without limit.
    package var maximumBodyBytes: Int? = 16 * 1_048_576

    package init(_ method: Method = .get, _ url: String, headers: WebHeaders = [:], body: Body = .none) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// Adds `Authorization: Basic …`.
    package mutating func authorize(user: String, password: String) {
        headers["Authorization"] = "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    }

    /// Adds `Authorization: Bearer …`.
    package mutating func authorize(bearer token: String) { headers["Authorization"] = "Bearer \(token)" }
}
