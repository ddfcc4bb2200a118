import CCurl

/// An http or https address, read by the same parser that will connect to it, so a check and the request can't disagree.
package struct WebURL: Sendable, Hashable {
    /// `http` or `https`.
    package let scheme: String
    /// In lower case, without brackets or percent escapes; never empty.
    package let host: String
    package let port: Int
    /// The whole address as it will be requested, without user name and password.
    package let text: String
    /// The path alone, `/` at least, as it stands in the address.
    package let path: String
    /// What stood before the `@`, percent escapes resolved.
    package let credentials: Credentials?

    package struct Credentials: Sendable, Hashable {
        package let user: String
        package let password: String
    }

    /// Reads an absolute address. Throws ``WebError/invalidRequest(_:)`` for anything that is not http(s) with a host.
    package init(_ text: String) throws(WebError) { try self.init(text, base: nil) }

    /// Reads a `Location`, which may be relative to this address. User name and password are not inherited.
    package func resolving(_ reference: String) throws(WebError) -> WebURL { try WebURL(reference, base: text) }

    /// Whether both are served by one server: scheme, host and port are the same.
    package func hasSameOrigin(as other: WebURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// Where it leads, for messages: the query is left out, since it may hold a secret.
    package var origin: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return "\(scheme)://\(shown):\(port)"
    }

    private init(_ text: String, base: String?) throws(WebError) {
        guard let handle = curl_url() else { throw .invalidRequest("out of memory") }
        defer { curl_url_cleanup(handle) }
        // A blank or a control character in an address is somebody's attempt to write a header.
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw .invalidRequest("The address contains a blank or a control character.")
        }
        var code = CURLUE_OK
        if let base { code = curl_url_set(handle, CURLUPART_URL, base, 0) }
        if code == CURLUE_OK { code = curl_url_set(handle, CURLUPART_URL, text, 0) }
        guard code == CURLUE_OK else {
            throw .invalidRequest("The address can't be read: \(String(cString: curl_url_strerror(code))).")
        }
        let part = { (part: CURLUPart, flags: Int32) -> String? in
            var value: UnsafeMutablePointer<CChar>?
            guard curl_url_get(handle, part, &value, UInt32(flags)) == CURLUE_OK, let value else { return nil }
            defer { curl_free(value) }
            return String(cString: value)
        }
        guard let scheme = part(CURLUPART_SCHEME, 0)?.lowercased(), scheme == "http" || scheme == "https" else {
            throw .invalidRequest("Only http and https addresses can be requested.")
        }
        guard var host = part(CURLUPART_HOST, CURLU_URLDECODE)?.lowercased(), !host.isEmpty else {
            throw .invalidRequest("The address has no host.")
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard let port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT).flatMap({ Int($0) }) else {
            throw .invalidRequest("The address has no port.")
        }
        let user = part(CURLUPART_USER, CURLU_URLDECODE)
        let password = part(CURLUPART_PASSWORD, CURLU_URLDECODE)
        credentials = user == nil && password == nil ? nil : Credentials(user: user ?? "", password: password ?? "")
        for secret in [CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_FRAGMENT] { curl_url_set(handle, secret, nil, 0) }
        guard let whole = part(CURLUPART_URL, 0), let path = part(CURLUPART_PATH, 0) else {
            throw .invalidRequest("The address can't be written.")
        }
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.text = whole
    }
}
