package import Domain
import Foundation
import Runtime
import SQL

/// Use cases on repositories.
package struct RepositoryService: Sendable {
    private let platform: Platform
    private let anonymousAccess: Bool

    /// - Parameter anonymousAccess: FEATURE_ANONYMOUS_ACCESS.
    package init(platform: Platform, anonymousAccess: Bool) {
        self.platform = platform
        self.anonymousAccess = anonymousAccess
    }

    /// A repository before it is written; made outside the transaction, because a body may run twice.
    struct Draft: Sendable {
        let name: RepositoryName
        let visibility: Repository.Visibility
        let description: String?
        let uuid: String
        let badgeToken: String
        let created: Date
    }

    /// Makes a repository in a namespace where the caller may; in an organization its creator gets the admin role.
    ///
    /// Errors: `.invalidRequest` when the name is taken or is not of this namespace.
    package func create(
        _ name: RepositoryName, _ visibility: Repository.Visibility, description: String?, in namespace: NamespaceAccess
    ) async throws -> Repository {
        let draft = Draft(
            name: name, visibility: visibility, description: description, uuid: platform.identifiers.uuid(),
            badgeToken: platform.identifiers.uuid(), created: platform.clock.now)
        return try await platform.database.write { try Self.create(draft, in: namespace, $0) }
    }

    static func create(
        _ draft: Draft, in namespace: NamespaceAccess, _ transaction: any Transaction
    ) throws -> Repository {
        guard namespace.namespace.name == draft.name.namespace,
            namespace.right.includes(.createRepositories)
        else { throw RegistryError(.forbidden, "Unauthorized") }
        guard let id = try RepositoryStore.insert(draft, namespaceID: namespace.namespace.id, in: transaction),
            let repository = try RepositoryStore.find(id: id, in: transaction)
        else { throw RegistryError(.invalidRequest, "Repository already exists") }
        if namespace.namespace.isOrganization, let creator = namespace.caller.accountID {
            try PermissionStore.grant(.admin, to: creator, inRepository: id, in: transaction)
        }
        try AuditLogStore.add(
            AuditEntry(
                .createRepository, namespaceID: namespace.namespace.id, performerID: namespace.caller.accountID,
                repositoryID: id, at: draft.created,
                metadata: ["repo": draft.name.name, "namespace": draft.name.namespace.text]), in: transaction)
        return repository
    }

    /// The most repositories on one page.
    package static let pageSize = 100

    /// One page of a list.
    package struct Page: Sendable {
        package let repositories: [Repository]
        /// Where the next page begins; nil on the last one.
        package let next: Int64?
    }

    /// The repositories that `caller` may read, a page at a time.
    ///
    /// - Parameter last: the number after which the page begins; 0 for the first.
    package func list(_ filter: RepositoryStore.Filter, for caller: Caller, after last: Int64) async throws -> Page {
        let isPublicReadable = anonymousAccess || !caller.isAnonymous
        // A token without a repository scope sees what everybody sees.
        let account = caller.scopes.maximumRepositoryRole == nil ? nil : caller.accountID
        let found = try await platform.database.read { transaction in
            try RepositoryStore.list(
                filter, readableBy: account, isPublicReadable: isPublicReadable, after: last, limit: Self.pageSize + 1,
                in: transaction)
        }
        let page = Array(found.prefix(Self.pageSize))
        return Page(repositories: page, next: found.count > Self.pageSize ? page.last?.id : nil)
    }

    /// What a badge's address must carry while the repository is private.
    package func badgeToken(_ access: RepositoryAccess) async throws -> String {
        try await platform.database.read { try RepositoryStore.badgeToken(access.repository.id, in: $0) }
    }

    /// Shows a repository to everybody, or to those with a permission only.
    package func changeVisibility(to visibility: Repository.Visibility, in access: RepositoryAccess) async throws {
        try access.require(.admin)
        let now = platform.clock.now
        try await platform.database.write { transaction in
            try RepositoryStore.setVisibility(access.repository.id, visibility, in: transaction)
            try AuditLogStore.add(
                Self.entry(.changeRepositoryVisibility, access, at: now, ["visibility": visibility.rawValue]),
                in: transaction)
        }
    }

    package func changeDescription(to description: String, in access: RepositoryAccess) async throws {
        try access.require(.write)
        let now = platform.clock.now
        try await platform.database.write { transaction in
            try RepositoryStore.setDescription(access.repository.id, description, in: transaction)
            try AuditLogStore.add(
                Self.entry(.setRepositoryDescription, access, at: now, ["description": description]), in: transaction)
        }
    }

    /// Takes a repository away at once: its name is free, nobody finds it, its builds end, and ``DeletionStep`` removes its
    /// content later. Errors: `.nameUnknown` when somebody else was faster.
    package func delete(_ access: RepositoryAccess) async throws {
        try access.require(.admin)
        let (now, freed) = (platform.clock.now, platform.identifiers.uuid())
        let name = access.repository.name
        try await platform.database.write { transaction in
            guard let repository = try RepositoryStore.find(id: access.repository.id, in: transaction),
                repository.state != .markedForDeletion
            else {
                throw RegistryError(
                    .nameUnknown, "The repository \(name) does not exist.", details: ["name": name.text])
            }
            try UnfinishedBuilds.cancel(of: .repository(repository.id), at: now, in: transaction)
            try DeletionStore.record(
                repository: repository.id, named: name.name, at: now, purgeAfter: now, in: transaction)
            try RepositoryStore.markForDeletion(access.repository.id, rename: freed, in: transaction)
            try AuditLogStore.add(Self.entry(.deleteRepository, access, at: now, [:]), in: transaction)
        }
    }

    static func entry(
        _ kind: AuditKind, _ access: RepositoryAccess, at now: Date, _ metadata: [String: String]
    ) -> AuditEntry {
        let name = access.repository.name
        return AuditEntry(
            kind, namespaceID: access.repository.namespaceID, performerID: access.caller.accountID,
            repositoryID: access.repository.id, at: now,
            metadata: metadata.merging(["repo": name.name, "namespace": name.namespace.text]) { own, _ in own })
    }
}
