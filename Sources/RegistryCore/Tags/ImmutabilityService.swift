package import Domain
import Foundation
import Runtime
import SQL

/// The policies of a repository by which whole families of tags are immutable: a name, or a glob.
package struct ImmutabilityService: Sendable {
    /// More would make every push slower, and nobody could oversee them.
    package static let maximumPolicies = 100

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The repository's policies, oldest first.
    package func policies(in access: RepositoryAccess) async throws -> [ImmutabilityStore.Policy] {
        try await platform.database.read {
            try ImmutabilityStore.policies(inRepository: access.repository.id, in: $0)
        }
    }

    /// Errors: `.notFound`.
    package func policy(_ uuid: String, in access: RepositoryAccess) async throws -> ImmutabilityStore.Policy {
        try await platform.database.read { try Self.find(uuid, in: access, $0) }
    }

    /// Protects every tag whose name matches, those that are there and those to come. Errors: `.invalidRequest` when the
    /// pattern is there already, or when there are too many; `.forbidden`.
    package func add(
        _ pattern: TagPattern, in access: RepositoryAccess, ip: String? = nil
    ) async throws -> ImmutabilityStore.Policy {
        try access.require(.admin)
        let policy = ImmutabilityStore.Policy(uuid: platform.identifiers.uuid(), pattern: pattern)
        let (repositoryID, now) = (access.repository.id, platform.clock.now)
        try await platform.database.write { transaction in
            let count = try ImmutabilityStore.policies(inRepository: repositoryID, in: transaction).count
            guard count < Self.maximumPolicies else {
                throw RegistryError(
                    .invalidRequest, "A repository can have \(Self.maximumPolicies) immutability policies at most.")
            }
            guard try ImmutabilityStore.insert(policy, inRepository: repositoryID, at: now, in: transaction) else {
                throw RegistryError(.invalidRequest, "There is an immutability policy with this pattern already.")
            }
            try Self.log(.createImmutabilityPolicy, policy, in: access, at: now, ip: ip, transaction)
        }
        return policy
    }

    /// Takes a policy away: its tags can be changed again, unless they carry a mark of their own.
    /// Errors: `.notFound`, `.forbidden`.
    package func remove(_ uuid: String, in access: RepositoryAccess, ip: String? = nil) async throws {
        try access.require(.admin)
        let now = platform.clock.now
        try await platform.database.write { transaction in
            let policy = try Self.find(uuid, in: access, transaction)
            try ImmutabilityStore.delete(uuid, inRepository: access.repository.id, in: transaction)
            try Self.log(.deleteImmutabilityPolicy, policy, in: access, at: now, ip: ip, transaction)
        }
    }

    private static func find(
        _ uuid: String, in access: RepositoryAccess, _ transaction: any Transaction
    ) throws -> ImmutabilityStore.Policy {
        guard
            let policy = try ImmutabilityStore.find(uuid, inRepository: access.repository.id, in: transaction)
        else { throw RegistryError(.notFound, "There is no such immutability policy in this repository.") }
        return policy
    }

    private static func log(
        _ kind: AuditKind, _ policy: ImmutabilityStore.Policy, in access: RepositoryAccess, at now: Date, ip: String?,
        _ transaction: any Transaction
    ) throws {
        try AuditLogStore.add(
            access.audit(kind, at: now, ip: ip, ["uuid": policy.uuid, "tag_pattern": policy.pattern.text]),
            in: transaction)
    }
}
