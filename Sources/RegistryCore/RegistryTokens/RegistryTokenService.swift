package import Domain
import Foundation
import Runtime
import SQL

/// Decides what a registry token grants, and makes the repository of a first push.
package struct RegistryTokenService: Sendable {
    private let platform: Platform
    private let access: AccessControl
    private let organizations: OrganizationService
    private let issuer: RegistryTokenIssuer
    private let rule: RegistryTokenRule

    package init(
        platform: Platform, access: AccessControl, organizations: OrganizationService, issuer: RegistryTokenIssuer,
        rule: RegistryTokenRule = RegistryTokenRule()
    ) {
        self.platform = platform
        self.access = access
        self.organizations = organizations
        self.issuer = issuer
        self.rule = rule
    }

    /// A token for `caller` with whatever of `scopes` they may have; a scope that is refused stays in the token, without
    /// actions, so that the request that follows fails with the right words.
    ///
    /// - Parameter service: the audience, as the challenge named it.
    /// Errors: `.unauthenticated` when nobody is signed in and nothing is asked for; `.denied` for a namespace that has
    /// been disabled.
    package func grant(
        _ scopes: [RegistryTokenScope], to caller: Caller, service: String
    ) async throws -> RegistryToken {
        guard !(caller.isAnonymous && scopes.isEmpty) else {
            throw RegistryError(.unauthenticated, "Requires authentication")
        }
        var granted = try await platform.database.read { transaction in
            try scopes.map { try Decision(scope: $0, actions: actions($0, caller, transaction)) }
        }
        // Only a first push needs the database to write.
        for index in granted.indices where granted[index].actions == nil {
            let name = granted[index].scope.repository
            let scope = granted[index].scope
            try await createForPush(name, caller)
            granted[index].actions = try await platform.database.read { try actions(scope, caller, $0) ?? [] }
        }
        return try await issuer.issue(
            granted.map {
                RegistryTokenScope(
                    requestedName: $0.scope.requestedName, repository: $0.scope.repository, actions: $0.actions ?? [])
            }, to: caller, audience: service)
    }

    private struct Decision: Sendable {
        let scope: RegistryTokenScope
        /// nil: the repository does not exist and the caller may make it by pushing.
        var actions: Set<RegistryTokenScope.Action>?
    }

    private func actions(
        _ scope: RegistryTokenScope, _ caller: Caller, _ transaction: any Transaction
    ) throws -> Set<RegistryTokenScope.Action>? {
        guard try !NamespaceStore.isDisabled(scope.repository.namespace, in: transaction) else {
            throw RegistryError(
                .denied,
                "The namespace \(scope.repository.namespace) has been disabled. Please contact an administrator.")
        }
        guard let repository = try RepositoryStore.find(scope.repository, in: transaction) else {
            return try actionsOnMissing(scope, caller, transaction)
        }
        let role = try access.role(of: caller, in: repository, transaction)
        return scope.actions.filter { action in
            guard let role, role >= action.role else { return false }
            return action == .pull || (repository.state == .normal && !rule.isReadOnly)
        }
    }

    /// nil when a push makes the repository.
    private func actionsOnMissing(
        _ scope: RegistryTokenScope, _ caller: Caller, _ transaction: any Transaction
    ) throws -> Set<RegistryTokenScope.Action>? {
        let isPush = !scope.actions.isDisjoint(with: [.push, .everything]) && !rule.isReadOnly
        guard try access.mayCreate(scope.repository, caller, transaction) else {
            return try isPush && mayCreateNamespace(scope.repository.namespace, caller, transaction) ? nil : []
        }
        // Who could create it learns that it is missing, by a token that lets the question through.
        return isPush ? nil : scope.actions.intersection([.pull])
    }

    /// Only people make organizations by pushing, and only where nobody of any kind has the name.
    private func mayCreateNamespace(
        _ name: Username, _ caller: Caller, _ transaction: any Transaction
    ) throws -> Bool {
        guard rule.createsNamespaces, case .user = caller.identity, caller.grants == nil,
            caller.scopes.contains(.organizationAdmin), caller.scopes.contains(.repositoryCreate)
        else { return false }
        return try AccountStore.find(name: name.text, in: transaction) == nil
    }

    /// Makes the repository of a first push, and its namespace where that is wanted.
    private func createForPush(_ name: RepositoryName, _ caller: Caller) async throws {
        let draft = RepositoryService.Draft(
            name: name, visibility: rule.createsPrivateRepositories ? .private : .public, description: nil,
            uuid: platform.identifiers.uuid(), badgeToken: platform.identifiers.uuid(), created: platform.clock.now)
        let organization = organizations.draft(name.namespace, email: nil)
        try await platform.database.write { transaction in
            guard try RepositoryStore.find(name, in: transaction) == nil else { return }
            if try mayCreateNamespace(name.namespace, caller, transaction) {
                _ = try OrganizationService.create(
                    organization, by: access.user(.organizationAdmin, for: caller), transaction)
            }
            guard try access.mayCreate(name, caller, transaction) else { return }
            let namespace = try access.namespace(name.namespace, .createRepositories, for: caller, in: transaction)
            _ = try RepositoryService.create(draft, in: namespace, transaction)
        }
    }
}
