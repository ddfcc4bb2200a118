/// Makes every absolute URL that the registry gives out, from SERVER_HOSTNAME and PREFERRED_URL_SCHEME alone: never from
/// the Host header, which anybody can write.
struct URLs: Sendable, Hashable {
    /// `http` or `https`.
    let scheme: String
    /// Host, with a port where it is not the scheme's own.
    let hostname: String

    /// The site without a slash at its end.
    var base: String { "\(scheme)://\(hostname)" }

    /// - Parameter path: begins with a slash.
    func site(_ path: String) -> String { base + path }

    /// - Parameter path: what stands behind `/api/v1/`.
    func api(_ path: String) -> String { "\(base)/api/v1/\(path)" }
}
