import Domain
import RegistryCore

/// The handlers of the routes that change quotas, whichever part of the path names the namespace.
struct QuotaChanges: Sendable {
    let nameParameter: String

    func create(_ request: APIRequest, _ superuser: SuperuserAccess) async throws -> JSONReply {
        guard let bytes = try QuotaRequests.limitBytes(request.body) else {
            throw RegistryError(.invalidRequest, "'limit_bytes' is a required property")
        }
        let tags = request.body["limit_tags"]?.integer.flatMap { $0 == 0 ? nil : $0 }
        try await request.services.quotas.create(
            limitBytes: bytes, limitTags: tags, for: name(request), by: superuser, ip: request.clientAddress)
        return JSONReply("Created")
    }

    func change(_ request: APIRequest, _ superuser: SuperuserAccess) async throws -> JSONReply {
        // null and 0 both take the limit on tags away.
        let tags = request.body["limit_tags"].map { $0.integer ?? 0 }
        let quota = try await request.services.quotas.change(
            Self.number("quota_id", request), limitBytes: QuotaRequests.limitBytes(request.body), limitTags: tags,
            of: name(request), by: superuser, ip: request.clientAddress)
        return JSONReply(QuotaResponses.quota(quota))
    }

    func remove(_ request: APIRequest, _ superuser: SuperuserAccess) async throws -> JSONReply {
        try await request.services.quotas.remove(
            Self.number("quota_id", request), of: name(request), by: superuser, ip: request.clientAddress)
        return .empty
    }

    func addLimit(_ request: APIRequest, _ superuser: SuperuserAccess) async throws -> JSONReply {
        guard let kind = try QuotaRequests.kind(request.body), let percent = try QuotaRequests.percent(request.body)
        else { throw RegistryError(.invalidRequest, "'type' and 'threshold_percent' are required properties") }
        try await request.services.quotas.addLimit(
            kind, percent: percent, to: Self.number("quota_id", request), of: name(request), by: superuser,
            ip: request.clientAddress)
        return JSONReply("Created")
    }

    func changeLimit(_ request: APIRequest, _ superuser: SuperuserAccess) async throws -> JSONReply {
        let quota = try await request.services.quotas.changeLimit(
            Self.number("limit_id", request), kind: QuotaRequests.kind(request.body),
            percent: QuotaRequests.percent(request.body), in: Self.number("quota_id", request), of: name(request),
            by: superuser, ip: request.clientAddress)
        return JSONReply(QuotaResponses.quota(quota))
    }

    func removeLimit(_ request: APIRequest, _ superuser: SuperuserAccess) async throws -> JSONReply {
        try await request.services.quotas.removeLimit(
            Self.number("limit_id", request), in: Self.number("quota_id", request), of: name(request), by: superuser,
            ip: request.clientAddress)
        return .empty
    }

    /// A number in the path. Errors: `.notFound` for anything else.
    static func number(_ parameter: String, _ request: APIRequest) throws -> Int64 {
        guard let number = Int64(try request.parameter(parameter)) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return number
    }

    private func name(_ request: APIRequest) throws -> Username { try request.username(nameParameter) }
}
