/// One right that an OAuth token may carry. Source: Quay's OAuth scopes.
package enum Scope: String, Sendable, Hashable, CaseIterable {
    case repositoryRead = "repo:read"
    case repositoryWrite = "repo:write"
    case repositoryAdmin = "repo:admin"
    case repositoryCreate = "repo:create"
    case userRead = "user:read"
    case userAdmin = "user:admin"
    case organizationAdmin = "org:admin"
    case superuser = "super:user"
}

/// The rights of one credential. A session and a password carry everything; an OAuth token carries what was granted.
package enum ScopeSet: Sendable, Hashable {
    case everything
    case only(Set<Scope>)

    package struct Unknown: Error, Sendable, Hashable { package let text: String }

    /// Parses scopes separated by spaces or commas; one unknown scope spoils the whole set. Throws ``Unknown``.
    package init(parsing text: String) throws(Unknown) {
        var scopes: Set<Scope> = []
        for part in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
            guard let scope = Scope(rawValue: String(part)) else { throw Unknown(text: String(part)) }
            scopes.insert(scope)
        }
        self = .only(scopes)
    }

    package func contains(_ scope: Scope) -> Bool {
        switch self {
        case .everything: true
        case .only(let scopes): scopes.contains(scope)
        }
    }

    /// The highest role in a repository that these scopes allow; nil when they allow none.
    package var maximumRepositoryRole: RepositoryRole? {
        if contains(.repositoryAdmin) { return .admin }
        if contains(.repositoryWrite) { return .write }
        return contains(.repositoryRead) ? .read : nil
    }

    /// As it stands in the database and in the API: sorted, separated by spaces.
    package var text: String {
        switch self {
        case .everything: Scope.allCases.map(\.rawValue).sorted().joined(separator: " ")
        case .only(let scopes): scopes.map(\.rawValue).sorted().joined(separator: " ")
        }
    }
}
