package import Domain

/// What somebody may do in a namespace; each right includes the ones before it.
package enum NamespaceRight: Int, Sendable, Hashable {
    /// Sees the organization from inside.
    case member
    /// Creates repositories in it.
    case createRepositories
    /// Changes it, its robots, its teams and its settings.
    case administer

    package init(_ role: TeamRole) {
        switch role {
        case .member: self = .member
        case .creator: self = .createRepositories
        case .admin: self = .administer
        }
    }

    package func includes(_ right: NamespaceRight) -> Bool { rawValue >= right.rawValue }
}

extension ScopeSet {
    /// The part of `right` that these scopes let through: administering needs `org:admin` or `user:admin`, creating needs
    /// `repo:create`, and being a member one of the two of organizations.
    func cap(_ right: NamespaceRight, isOrganization: Bool) -> NamespaceRight? {
        if right.includes(.administer), contains(isOrganization ? .organizationAdmin : .userAdmin) {
            return .administer
        }
        if right.includes(.createRepositories), contains(.repositoryCreate) { return .createRepositories }
        return contains(.organizationAdmin) || contains(.repositoryCreate) ? .member : nil
    }
}
