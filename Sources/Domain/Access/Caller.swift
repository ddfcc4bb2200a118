/// Who asks, with which rights, and by which credential.
package struct Caller: Sendable, Hashable {
    package enum Identity: Sendable, Hashable {
        case anonymous
        case user(id: Int64, name: Username)
        case robot(id: Int64, name: RobotName)
        /// A delegate token (`$token`): no person, one repository.
        case repositoryToken(DelegateGrant)
    }

    /// How the identity was proved; lets a later request notice that the proof has been taken back.
    package enum Credential: Sendable, Hashable {
        case none
        case password, encryptedPassword
        case session(id: String)
        case robotToken
        case oauthToken(id: Int64)
        case appToken(id: Int64)
        case delegateToken(id: Int64)
    }

    package let identity: Identity
    package let credential: Credential
    /// Rises whenever the account's password, robot token or sessions are replaced; a registry token carries it.
    package let generation: Int64
    package let scopes: ScopeSet
    /// What a registry token grants at most; nil for a caller who came without one.
    package let grants: RegistryGrants?

    package init(
        identity: Identity, credential: Credential, generation: Int64 = 0, scopes: ScopeSet = .everything,
        grants: RegistryGrants? = nil
    ) {
        self.identity = identity
        self.credential = credential
        self.generation = generation
        self.scopes = scopes
        self.grants = grants
    }

    /// The same caller, limited to what a registry token says.
    package func limited(to grants: RegistryGrants) -> Caller {
        Caller(identity: identity, credential: credential, generation: generation, scopes: scopes, grants: grants)
    }

    package static let anonymous = Caller(identity: .anonymous, credential: .none)

    package var isAnonymous: Bool { identity == .anonymous }

    /// The row of the account behind this caller: a user or a robot.
    package var accountID: Int64? {
        switch identity {
        case .user(let id, _), .robot(let id, _): id
        case .anonymous, .repositoryToken: nil
        }
    }

    /// The name that logs and token subjects show; nil for a bare repository token.
    package var name: String? {
        switch identity {
        case .anonymous: "(anonymous)"
        case .user(_, let name): name.text
        case .robot(_, let name): name.text
        case .repositoryToken: nil
        }
    }
}

/// What a delegate token (`$token`) stands for: a role in one repository, and for a build's token the attempt that it
/// dies with and the tags that it may move.
package struct DelegateGrant: Sendable, Hashable {
    package let tokenID: Int64
    package let repositoryID: Int64
    package let role: RepositoryRole
    /// The attempt row whose lease must be live for a write; nil for a token that belongs to no build.
    package let attemptID: Int64?
    /// The only tags that the token may move; nil when it may move any.
    package let tags: [String]?

    package init(tokenID: Int64, repositoryID: Int64, role: RepositoryRole, attemptID: Int64?, tags: [String]?) {
        self.tokenID = tokenID
        self.repositoryID = repositoryID
        self.role = role
        self.attemptID = attemptID
        self.tags = tags
    }
}

/// The repositories that a registry token opens, and how far. A cap, never a right of its own: access is decided anew at
/// each request.
package struct RegistryGrants: Sendable, Hashable {
    private let roles: [RepositoryName: RepositoryRole]

    package init(_ roles: [RepositoryName: RepositoryRole]) { self.roles = roles }

    /// The highest role that the token lets through; nil for a repository it does not name.
    package func cap(for name: RepositoryName) -> RepositoryRole? { roles[name] }

    /// The repositories that the token names.
    package var names: [RepositoryName] { Array(roles.keys) }
}
