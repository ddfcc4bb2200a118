package import Domain
package import SQL

/// Decides who may do what, and leaves a proof that services demand.
///
/// Rules: a repository role is the highest of the caller's own permission, its teams' permissions, ownership of the
/// namespace (the user itself, or an admin team of the organization), and reading for everybody where the repository is
/// public; a token's scopes and a delegate token's role cap it. Source: Quay, permission model.
package struct AccessControl: Sendable {
    private let database: any Database
    private let anonymousAccess: Bool
    private let superusers: Set<String>

    /// - Parameters:
    ///   - anonymousAccess: FEATURE_ANONYMOUS_ACCESS; without it a caller who is not signed in may do nothing.
    ///   - superusers: SUPER_USERS, the names that are superusers beside those whose account says so.
    package init(database: any Database, anonymousAccess: Bool, superusers: Set<String> = []) {
        self.database = database
        self.anonymousAccess = anonymousAccess
        self.superusers = superusers
    }

    /// Whether `account` is a superuser, as the API shows it.
    package func isSuperuser(_ account: Account) -> Bool { account.isSuperuser || superusers.contains(account.name) }

    /// The proof that `caller` holds at least `role` in the repository.
    ///
    /// Errors: `.unauthenticated` when nobody is signed in and that is why it fails, `.forbidden` when somebody may not,
    /// `.notFound` when the repository does not exist and the caller could see it if it did.
    package func repository(
        _ name: RepositoryName, _ role: RepositoryRole, for caller: Caller
    ) async throws -> RepositoryAccess {
        try await database.read { try repository(name, role, for: caller, in: $0) }
    }

    /// The same question inside a transaction of the caller's.
    package func repository(
        _ name: RepositoryName, _ role: RepositoryRole, for caller: Caller, in transaction: any Transaction
    ) throws -> RepositoryAccess {
        guard let repository = try RepositoryStore.find(name, in: transaction) else {
            throw try missing(name, role, for: caller, in: transaction)
        }
        guard let held = try self.role(of: caller, in: repository, transaction), held >= role else {
            throw refusal(of: caller)
        }
        return RepositoryAccess(repository: repository, role: held, caller: caller)
    }

    /// The role that `caller` holds in `repository`; nil for none. A registry token caps it.
    package func role(of caller: Caller, in repository: Repository, _ transaction: any Transaction) throws
        -> RepositoryRole?
    {
        let held = try uncappedRole(of: caller, in: repository, transaction)
        guard let grants = caller.grants else { return held }
        guard let held, let cap = grants.cap(for: repository.name) else { return nil }
        return min(held, cap)
    }

    /// Whether only the registry token that `caller` came with keeps them from reading `repository`: with one that names
    /// it they could.
    package func isHiddenByToken(
        _ repository: Repository, from caller: Caller, _ transaction: any Transaction
    ) throws -> Bool {
        guard let grants = caller.grants, grants.cap(for: repository.name) == nil else { return false }
        return try uncappedRole(of: caller, in: repository, transaction) != nil
    }

    private func uncappedRole(of caller: Caller, in repository: Repository, _ transaction: any Transaction) throws
        -> RepositoryRole?
    {
        let isPublic = repository.visibility == .public && anonymousAccess
        let everybody: RepositoryRole? = isPublic ? .read : nil
        switch caller.identity {
        case .anonymous:
            return everybody
        case .repositoryToken(let grant):
            guard grant.repositoryID == repository.id else { return everybody }
            return max(grant.role, everybody ?? grant.role)
        case .user(let id, _), .robot(let id, _):
            let open: RepositoryRole? = repository.visibility == .public ? .read : nil
            let own = try ownRole(of: id, caller, in: repository, transaction)
            guard let cap = caller.scopes.maximumRepositoryRole else { return everybody }
            return [own.map { min($0, cap) }, open].compactMap { $0 }.max()
        }
    }

    private func ownRole(
        of id: Int64, _ caller: Caller, in repository: Repository, _ transaction: any Transaction
    ) throws -> RepositoryRole? {
        if id == repository.namespaceID { return .admin }
        if repository.isOrganization, case .user = caller.identity,
            try PermissionStore.teamRole(of: id, inOrganization: repository.namespaceID, in: transaction) == .admin
        {
            return .admin
        }
        return try PermissionStore.role(of: id, inRepository: repository.id, in: transaction)
    }

    /// Somebody who owns the namespace learns that the repository does not exist; everybody else only that they may not.
    /// A registry token that lacks the role is told so, since the one that has it makes the repository of a first push.
    private func missing(
        _ name: RepositoryName, _ role: RepositoryRole, for caller: Caller, in transaction: any Transaction
    ) throws -> RegistryError {
        if let cap = caller.grants?.cap(for: name), cap < role { return refusal(of: caller) }
        guard try mayCreate(name, caller, transaction) else { return refusal(of: caller) }
        return RegistryError(.nameUnknown, "The repository \(name) does not exist.", details: ["name": name.text])
    }

    /// Whether `caller` could create a repository of that name; who could may also learn that there is none. A registry
    /// token must name it.
    package func mayCreate(_ name: RepositoryName, _ caller: Caller, _ transaction: any Transaction) throws -> Bool {
        if let grants = caller.grants, grants.cap(for: name) == nil { return false }
        return try namespaceRight(of: caller, in: name.namespace, transaction)?.includes(.createRepositories) == true
    }

    /// A robot never administers a namespace, whichever team it is in.
    private func isRobot(_ caller: Caller) -> Bool {
        if case .robot = caller.identity { true } else { false }
    }

    private func refusal(of caller: Caller) -> RegistryError {
        caller.isAnonymous
            ? RegistryError(.unauthenticated, "Requires authentication") : RegistryError(.forbidden, "Unauthorized")
    }
}

extension AccessControl {
    /// The proof that `caller` holds `right` in a namespace.
    ///
    /// Errors: `.unauthenticated`, `.forbidden`; `.notFound` when there is no such namespace and the caller is signed in.
    package func namespace(
        _ name: Username, _ right: NamespaceRight, for caller: Caller
    ) async throws -> NamespaceAccess {
        try await database.read { try namespace(name, right, for: caller, in: $0) }
    }

    /// The same question inside a transaction of the caller's.
    package func namespace(
        _ name: Username, _ right: NamespaceRight, for caller: Caller, in transaction: any Transaction
    ) throws -> NamespaceAccess {
        // A registry token speaks for repositories only.
        guard caller.grants == nil else { throw refusal(of: caller) }
        guard let account = try NamespaceStore.find(name, in: transaction) else {
            throw caller.isAnonymous
                ? refusal(of: caller) : RegistryError(.notFound, "There is no user or organization named \(name).")
        }
        guard let held = try namespaceRight(of: caller, in: account, transaction), held.includes(right) else {
            throw refusal(of: caller)
        }
        return NamespaceAccess(namespace: account, right: held, caller: caller)
    }

    /// The right that `caller` holds in the namespace of that name; nil for none.
    package func namespaceRight(
        of caller: Caller, in name: Username, _ transaction: any Transaction
    ) throws -> NamespaceRight? {
        guard let account = try NamespaceStore.find(name, in: transaction) else { return nil }
        return try namespaceRight(of: caller, in: account, transaction)
    }

    private func namespaceRight(
        of caller: Caller, in namespace: Namespace, _ transaction: any Transaction
    ) throws -> NamespaceRight? {
        guard let id = caller.accountID else { return nil }
        let held: NamespaceRight?
        if id == namespace.id {
            held = .administer
        } else if namespace.isOrganization {
            let team = try PermissionStore.teamRole(of: id, inOrganization: namespace.id, in: transaction)
            held = team.map(NamespaceRight.init).map { isRobot(caller) && $0 == .administer ? .createRepositories : $0 }
        } else {
            held = nil
        }
        return held.flatMap { caller.scopes.cap($0, isOrganization: namespace.isOrganization) }
    }
}

/// The proof that a caller may act in a repository. Only ``AccessControl`` makes one.
package struct RepositoryAccess: Sendable {
    package let repository: Repository
    /// The role that the caller holds; at least the one that was asked for.
    package let role: RepositoryRole
    package let caller: Caller

    fileprivate init(repository: Repository, role: RepositoryRole, caller: Caller) {
        self.repository = repository
        self.role = role
        self.caller = caller
    }

    /// The proof of a background step that acts for the registry itself.
    /// - Parameter reason: why no caller stands behind it; shown in logs.
    package static func system(_ repository: Repository, reason: StaticString) -> RepositoryAccess {
        RepositoryAccess(repository: repository, role: .admin, caller: .anonymous)
    }

    /// Refuses a caller whose role is lower than `needed`, for a use case that demands more than its route did.
    package func require(_ needed: RepositoryRole) throws {
        guard role >= needed else { throw RegistryError(.forbidden, "Unauthorized") }
    }
}

/// The proof that a caller may act in a namespace. Only ``AccessControl`` makes one.
package struct NamespaceAccess: Sendable {
    package let namespace: Namespace
    package let right: NamespaceRight
    package let caller: Caller

    fileprivate init(namespace: Namespace, right: NamespaceRight, caller: Caller) {
        self.namespace = namespace
        self.right = right
        self.caller = caller
    }
}

extension AccessControl {
    /// The proof that `caller` is a signed-in user whose credential carries `scope`.
    ///
    /// Errors: `.unauthenticated` when nobody is signed in, `.forbidden` for a robot, a token or a missing scope.
    package func user(_ scope: Scope, for caller: Caller) throws -> UserAccess {
        guard case .user(let id, let name) = caller.identity, caller.grants == nil, caller.scopes.contains(scope) else {
            throw refusal(of: caller)
        }
        return UserAccess(id: id, name: name, caller: caller)
    }

    /// The proof that `caller` is a superuser and came with a right to act as one.
    package func superuser(for caller: Caller) async throws -> SuperuserAccess {
        let user = try user(.superuser, for: caller)
        let account = try await database.read { try AccountStore.find(id: user.id, in: $0) }
        guard let account, account.isEnabled, isSuperuser(account) else {
            throw refusal(of: caller)
        }
        return SuperuserAccess(user: user)
    }
}

/// The proof that a caller is a signed-in user. Only ``AccessControl`` makes one.
package struct UserAccess: Sendable {
    package let id: Int64
    package let name: Username
    package let caller: Caller

    fileprivate init(id: Int64, name: Username, caller: Caller) {
        self.id = id
        self.name = name
        self.caller = caller
    }
}

/// The proof that a caller is a superuser. Only ``AccessControl`` makes one.
package struct SuperuserAccess: Sendable {
    package let user: UserAccess

    fileprivate init(user: UserAccess) { self.user = user }
}
