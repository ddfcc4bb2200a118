import Domain

/// The `WWW-Authenticate` header that sends a client for a registry token. Made from the site's own name, never from the
/// Host header. Source: distribution token specification.
struct Challenge: Sendable, Hashable {
    let urls: URLs
    /// What a token would have to open; nil for the question "who am I".
    let repository: RepositoryName?
    let role: RepositoryRole

    var header: String {
        var text = "Bearer realm=\"\(urls.site("/v2/auth"))\",service=\"\(urls.hostname)\""
        if let repository { text += ",scope=\"repository:\(repository):\(role == .read ? "pull" : "pull,push")\"" }
        return text
    }
}
