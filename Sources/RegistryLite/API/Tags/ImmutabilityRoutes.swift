import Domain
import HTTPTypes
import RegistryCore

/// The policies by which tags of a repository are immutable.
enum ImmutabilityRoutes {
    private static let path = "/api/v1/repository/{repository}/immutabilitypolicy/"

    static let routes: [APIRoute] = [
        .repository(
            .get, path, "listRepositoryImmutabilityPolicies", tag: "immutability_policy",
            "The patterns of tags that can't be changed", role: .read, handler: list),
        .repository(
            .post, path, "createRepositoryImmutabilityPolicy", tag: "immutability_policy",
            "Protects every tag whose name matches a pattern", role: .admin, handler: create
        ).with {
            $0.body = TagRequests.policySchema
            $0.successStatus = 201
        },
        .repository(
            .get, path + "{policy_uuid}", "getRepositoryImmutabilityPolicy", tag: "immutability_policy",
            "One pattern", role: .read, handler: show),
        .repository(
            .delete, path + "{policy_uuid}", "deleteRepositoryImmutabilityPolicy",
            tag: "immutability_policy",
            "Takes a pattern away", role: .admin, handler: delete
        ).with { $0.successStatus = 204 },
    ]

    private static func list(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        let policies = try await request.services.immutability.policies(in: access)
        return JSONReply(["policies": .array(policies.map(TagResponses.policy))])
    }

    private static func create(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        // Quay's other kind of policy would protect what this one leaves free.
        guard request.body["tagPatternMatches"]?.bool != false else {
            throw RegistryError(
                .invalidRequest, "tagPatternMatches must be true: a policy protects what it matches.")
        }
        let pattern: TagPattern
        do { pattern = try TagPattern(request.body["tagPattern"]?.string ?? "") } catch {
            throw RegistryError(.invalidRequest, error.message)
        }
        let policy = try await request.services.immutability.add(
            pattern, in: access, ip: request.clientAddress)
        return JSONReply(TagResponses.policy(policy))
    }

    private static func show(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        JSONReply(
            TagResponses.policy(
                try await request.services.immutability.policy(request.parameter("policy_uuid"), in: access)
            ))
    }

    private static func delete(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        try await request.services.immutability.remove(
            request.parameter("policy_uuid"), in: access, ip: request.clientAddress)
        return .empty
    }
}
