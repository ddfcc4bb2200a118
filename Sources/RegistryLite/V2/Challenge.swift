import Domain

/// The `WWW-Authenticate` header that sends a client for a registry token. Made from the site's own name, never from the
/// Host header. Source: distribution token specification.
struct Challenge: Sendable, Hashable {
    /// One thing that the token would have to open.
    struct Scope: Sendable, Hashable {
        let repository: RepositoryName
        let role: RepositoryRole

        var text: String { "repository:\(repository):\(role == .read ? "pull" : "pull,push")" }
    }

    let urls: URLs
    /// Empty for the question "who am I".
    let scopes: [Scope]

    var header: String {
        var text = "Bearer realm=\"\(urls.site("/v2/auth"))\",service=\"\(urls.hostname)\""
        if !scopes.isEmpty { text += ",scope=\"\(scopes.map(\.text).joined(separator: " "))\"" }
        return text
    }
}

/// The request needs another repository as well, which its caller may read, but which its token does not name: the answer
/// is a challenge for both.
struct MissingScope: Error, Sendable, Hashable {
    let repository: RepositoryName
}
