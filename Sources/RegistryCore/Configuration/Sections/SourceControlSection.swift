import Foundation

/// The git hosts whose pushes start builds, and sign-in through GitHub.
package struct SourceControlSection: Sendable {
    package struct GitHub: Sendable, Hashable {
        package let clientID: String
        package let clientSecret: String
        /// GITHUB_ENDPOINT with its slash at the end, such as `https://github.com/`.
        package let endpoint: String
        /// API_ENDPOINT; by default derived from the endpoint.
        package let apiEndpoint: String
        /// ALLOWED_ORGANIZATIONS when ORG_RESTRICT is on, lower case; nil: everybody may.
        package let allowedOrganizations: Set<String>?
    }

    package struct Bitbucket: Sendable, Hashable {
        package let consumerKey: String
        package let consumerSecret: String
    }

    package struct GitLab: Sendable, Hashable {
        package let clientID: String
        package let clientSecret: String
        /// GITLAB_ENDPOINT with its slash at the end.
        package let endpoint: String
    }

    package let githubTrigger: GitHub?
    package let githubLogin: GitHub?
    package let bitbucketTrigger: Bitbucket?
    package let gitlabTrigger: GitLab?
}

extension SourceControlSection {
    init(_ reader: SectionReader) {
        githubTrigger = Self.github(reader.section("GITHUB_TRIGGER_CONFIG"))
        githubLogin = Self.github(reader.section("GITHUB_LOGIN_CONFIG"))
        bitbucketTrigger = Self.pair(reader.section("BITBUCKET_TRIGGER_CONFIG"), "CONSUMER_KEY", "CONSUMER_SECRET") {
            Bitbucket(consumerKey: $1, consumerSecret: $2)
        }
        gitlabTrigger = Self.pair(reader.section("GITLAB_TRIGGER_CONFIG"), "CLIENT_ID", "CLIENT_SECRET") {
            reader, id, secret in
            GitLab(
                clientID: id, clientSecret: secret,
                endpoint: Self.directory(reader, "GITLAB_ENDPOINT") ?? "https://gitlab.com/")
        }
    }

    private static func github(_ reader: SectionReader?) -> GitHub? {
        pair(reader, "CLIENT_ID", "CLIENT_SECRET") { reader, id, secret in
            let endpoint = directory(reader, "GITHUB_ENDPOINT") ?? "https://github.com/"
            // GitHub Enterprise serves its API under its own address.
            let standard = endpoint == "https://github.com/" ? "https://api.github.com/" : endpoint + "api/v3/"
            let isRestricted = reader.bool("ORG_RESTRICT", default: false)
            let organizations = Set(reader.texts("ALLOWED_ORGANIZATIONS").map { $0.lowercased() })
            if isRestricted, organizations.isEmpty {
                reader.missing("ALLOWED_ORGANIZATIONS", "ORG_RESTRICT is on and nobody would be let in")
            }
            return GitHub(
                clientID: id, clientSecret: secret, endpoint: endpoint,
                apiEndpoint: directory(reader, "API_ENDPOINT") ?? standard,
                allowedOrganizations: isRestricted ? organizations : nil)
        }
    }

    private static func pair<Value>(
        _ reader: SectionReader?, _ idKey: String, _ secretKey: String, _ make: (SectionReader, String, String) -> Value
    ) -> Value? {
        guard let reader else { return nil }
        let id = reader.nonEmptyText(idKey)
        let secret = reader.nonEmptyText(secretKey)
        if id == nil { reader.missing(idKey, "the git host knows this site by it") }
        if secret == nil { reader.missing(secretKey, "the git host knows this site by it") }
        let value = make(reader, id ?? "", secret ?? "")
        reader.finish(ignoring: ["SERVICE_NAME"])
        return id == nil || secret == nil ? nil : value
    }

    private static func directory(_ reader: SectionReader, _ key: String) -> String? {
        reader.webAddress(key).map { $0.hasSuffix("/") ? $0 : $0 + "/" }
    }
}

extension SectionReader {
    /// An `http://` or `https://` URL with a host and without credentials.
    func webAddress(_ key: String) -> String? {
        guard let written = nonEmptyText(key) else { return nil }
        guard let parts = URLComponents(string: written), ["http", "https"].contains(parts.scheme?.lowercased()),
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.password == nil
        else {
            problem(key, "Expected an http:// or https:// address.")
            return nil
        }
        return written
    }
}
