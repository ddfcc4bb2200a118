package import Domain
import Foundation
import Runtime
import SQL

/// Use cases on organizations.
package struct OrganizationService: Sendable {
    private let platform: Platform
    private let timeMachine: TimeMachine
    private let maximumQueuedBuilds: Int?

    /// What new organizations begin with.
    /// - Parameters:
    ///   - timeMachine: DEFAULT_TAG_EXPIRATION.
    ///   - maximumQueuedBuilds: DEFAULT_NAMESPACE_MAXIMUM_BUILD_COUNT.
    package init(platform: Platform, timeMachine: TimeMachine = .standard, maximumQueuedBuilds: Int? = nil) {
        self.platform = platform
        self.timeMachine = timeMachine
        self.maximumQueuedBuilds = maximumQueuedBuilds
    }

    /// An organization as somebody sees it.
    package struct View: Sendable {
        package let organization: Account
        /// nil for somebody who is not in it.
        package let right: NamespaceRight?
        /// Empty for somebody who is not in it.
        package let teams: [Team]
    }

    /// Makes an organization with the team `owners`, and puts its creator there.
    ///
    /// Errors: `.invalidRequest` when the name or the address is wrong or taken.
    package func create(_ name: String, email: String?, by creator: UserAccess) async throws -> Account {
        let name = try AccountService.username(name)
        let email = try email.flatMap { $0.isEmpty ? nil : try AccountService.email($0) }
        let draft = draft(name, email: email)
        return try await platform.database.write { try Self.create(draft, by: creator, $0) }
    }

    /// An organization before it is written; made outside the transaction, because a body may run twice.
    struct Draft: Sendable {
        let name: Username
        let email: EmailAddress?
        let uuid: String
        let timeMachine: TimeMachine
        let maximumQueuedBuilds: Int?
        let created: Date
    }

    func draft(_ name: Username, email: EmailAddress?) -> Draft {
        Draft(
            name: name, email: email, uuid: platform.identifiers.uuid(), timeMachine: timeMachine,
            maximumQueuedBuilds: maximumQueuedBuilds, created: platform.clock.now)
    }

    static func create(_ draft: Draft, by creator: UserAccess, _ transaction: any Transaction) throws -> Account {
        let row = AccountStore.NewAccount(
            uuid: draft.uuid, name: draft.name.text, kind: .organization, email: draft.email,
            timeMachine: draft.timeMachine, maximumQueuedBuilds: draft.maximumQueuedBuilds, created: draft.created)
        guard let id = try AccountStore.insert(row, in: transaction),
            let organization = try AccountStore.find(id: id, in: transaction)
        else {
            throw try AccountStore.find(name: row.name, in: transaction) != nil
                ? RegistryError(.invalidRequest, "A user or organization with this name already exists")
                : RegistryError(.invalidRequest, "The email address is used by another user or organization")
        }
        let owners = try TeamStore.insert("owners", role: .admin, organizationID: id, in: transaction)
        try TeamStore.add(creator.id, toTeam: owners, in: transaction)
        try AuditLogStore.add(
            AuditEntry(
                .createOrganization, namespaceID: id, performerID: creator.id, at: row.created,
                metadata: ["namespace": row.name]), in: transaction)
        return organization
    }

    /// Takes an organization away at once: its name is free, its robots and applications are dead, nobody finds its
    /// repositories, and ``DeletionStep`` removes its content later.
    ///
    /// Errors: `.forbidden` without the right to administer it; `.notFound` when somebody else was faster.
    package func delete(in access: NamespaceAccess, ip: String? = nil) async throws {
        let namespace = access.namespace
        guard namespace.isOrganization, access.right.includes(.administer) else {
            throw RegistryError(.forbidden, "Unauthorized")
        }
        let (now, freed) = (platform.clock.now, platform.identifiers.uuid())
        try await platform.database.write { transaction in
            try UnfinishedBuilds.cancel(of: .namespace(namespace.id), at: now, in: transaction)
            guard
                try DeletionStore.mark(
                    namespace: namespace.id, rename: freed, at: now, purgeAfter: now, in: transaction)
            else { throw RegistryError(.notFound, "Not Found") }
            try AuditLogStore.add(
                AuditEntry(
                    .deleteOrganization, namespaceID: namespace.id, performerID: access.caller.accountID, at: now,
                    ip: ip, metadata: ["namespace": namespace.name.text]), in: transaction)
        }
    }

    /// An organization as `caller` sees it; strangers see its name. Errors: `.notFound`.
    package func view(_ name: Username, for caller: Caller, access: AccessControl) async throws -> View {
        try await platform.database.read { transaction in
            guard let organization = try AccountStore.find(name: name.text, in: transaction),
                organization.kind == .organization, organization.isEnabled
            else { throw RegistryError(.notFound, "Not Found") }
            let right = try access.namespaceRight(of: caller, in: name, transaction)
            return View(
                organization: organization, right: right,
                teams: right == nil ? [] : try TeamStore.list(organizationID: organization.id, in: transaction))
        }
    }

    /// The organizations that a user is in, by name.
    package func memberships(of accountID: Int64) async throws -> [OrganizationStore.Membership] {
        try await platform.database.read { try OrganizationStore.memberships(of: accountID, in: $0) }
    }
}
