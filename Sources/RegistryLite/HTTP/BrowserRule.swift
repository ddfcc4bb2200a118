/// The rule that keeps browsers from opening API addresses as pages. Source: Quay, BROWSER_API_CALLS_XHR_ONLY.
enum BrowserRule {
    static let refusal = "API calls must be invoked with an X-Requested-With header if called from a browser"

    /// Whether a User-Agent header is that of a browser; programs and libraries are none.
    static func isBrowser(_ userAgent: String?) -> Bool {
        guard let userAgent, userAgent.hasPrefix("Mozilla/") || userAgent.hasPrefix("Opera/") else { return false }
        return ["Chrome/", "Firefox/", "Safari/", "Edg/", "MSIE ", "Trident/", "Opera"].contains {
            userAgent.contains($0)
        }
    }
}
