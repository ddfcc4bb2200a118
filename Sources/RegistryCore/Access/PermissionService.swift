package import Domain
import Foundation
import Runtime
import SQL

/// Use cases on the permissions of users and robots in one repository.
package struct PermissionService: Sendable {
    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The direct permissions of a repository, by name.
    package func list(in access: RepositoryAccess) async throws -> [PermissionStore.Direct] {
        try access.require(.admin)
        return try await platform.database.read { try PermissionStore.direct(access.repository, in: $0) }
    }

    /// Errors: `.invalidRequest` for an unknown name, `.notFound` for somebody without a permission.
    package func find(_ name: String, in access: RepositoryAccess) async throws -> PermissionStore.Direct {
        try access.require(.admin)
        return try await platform.database.read { transaction in
            let account = try Self.account(name, in: transaction)
            let all = try PermissionStore.direct(access.repository, in: transaction)
            guard let held = all.first(where: { $0.accountID == account.id }) else {
                throw RegistryError(.notFound, "User does not have permission for repo.")
            }
            return held
        }
    }

    /// Gives a user or one of the namespace's robots exactly `role`.
    ///
    /// Errors: `.invalidRequest` for an unknown name, for the namespace's owner, and for a robot of another namespace.
    package func set(
        _ role: RepositoryRole, for name: String, in access: RepositoryAccess
    ) async throws -> PermissionStore.Direct {
        try access.require(.admin)
        let (repository, now) = (access.repository, platform.clock.now)
        return try await platform.database.write { transaction in
            let account = try Self.account(name, in: transaction)
            guard account.id != repository.namespaceID else {
                throw RegistryError(.invalidRequest, "Namespace owner must always be admin.")
            }
            if account.kind == .robot, try RobotName(account.name).namespace != repository.name.namespace {
                throw RegistryError(
                    .invalidRequest, "Cannot add robot \(name) under namespace \(repository.name.namespace)")
            }
            try PermissionStore.grant(role, to: account.id, inRepository: repository.id, in: transaction)
            try AuditLogStore.add(
                RepositoryService.entry(
                    .changeRepositoryPermission, access, at: now, ["username": account.name, "role": role.rawValue]),
                in: transaction)
            let all = try PermissionStore.direct(repository, in: transaction)
            guard let held = all.first(where: { $0.accountID == account.id }) else {
                throw RegistryError(.internalError, "A permission was not written.")
            }
            return held
        }
    }

    /// Errors: `.invalidRequest` for an unknown name or the namespace's owner, `.notFound` without a permission.
    package func remove(_ name: String, in access: RepositoryAccess) async throws {
        try access.require(.admin)
        let (repository, now) = (access.repository, platform.clock.now)
        try await platform.database.write { transaction in
            let account = try Self.account(name, in: transaction)
            guard account.id != repository.namespaceID else {
                throw RegistryError(.invalidRequest, "Namespace owner must always be admin.")
            }
            guard try PermissionStore.revoke(from: account.id, inRepository: repository.id, in: transaction) else {
                throw RegistryError(.notFound, "User does not have permission for repo.")
            }
            try AuditLogStore.add(
                RepositoryService.entry(.deleteRepositoryPermission, access, at: now, ["username": account.name]),
                in: transaction)
        }
    }

    private static func account(_ name: String, in transaction: any Transaction) throws -> Account {
        guard !name.utf8.contains(0), let account = try AccountStore.find(name: name, in: transaction),
            account.kind != .organization
        else { throw RegistryError(.invalidRequest, "Invalid username: \(name.prefix(255))") }
        return account
    }
}
