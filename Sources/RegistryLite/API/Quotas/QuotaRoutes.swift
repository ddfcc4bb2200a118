import Domain
import HTTPTypes
import RegistryCore

/// Quotas of organizations and users: their members see them, superusers set them. Source: Quay, quota management.
enum QuotaRoutes {
    private static let organization = "/api/v1/organization/{orgname}/quota"
    private static let tag = "namespacequota"

    static let routes: [APIRoute] =
        (reading + changing(at: organization, name: "orgname", words: ("Organization", ""))
        + superuserRoutes("organization", "Organization") + superuserRoutes("users", "User")).map { route in
            route.with { $0.features.append(.quotaManagement) }
        }

    /// What members of an organization, and users of their own namespace, may see.
    private static let reading: [APIRoute] = [
        .everybody(
            .get, organization, "listOrganizationQuota", tag: tag, "The quota of an organization",
            handler: { JSONReply(QuotaResponses.list(try await organizationReport($0))) }),
        .everybody(
            .get, organization + "/{quota_id}", "getOrganizationQuota", tag: tag, "One quota of an organization",
            handler: { try quota(try await organizationReport($0), $0) }),
        .everybody(
            .get, organization + "/{quota_id}/limit", "listOrganizationQuotaLimit", tag: tag,
            "The limits of an organization's quota", handler: { try limits(try await organizationReport($0), $0) }),
        .everybody(
            .get, organization + "/{quota_id}/limit/{limit_id}", "getOrganizationQuotaLimit", tag: tag,
            "One limit of an organization's quota", handler: { try limit(try await organizationReport($0), $0) }),
        .user(
            .get, "/api/v1/user/quota", "listUserQuota", tag: tag, "The quota of the user's namespace",
            scope: .userAdmin,
            handler: { JSONReply(QuotaResponses.list(try await ownReport($0, $1))) }),
        .user(
            .get, "/api/v1/user/quota/{quota_id}", "getUserQuota", tag: tag, "One quota of the user's namespace",
            scope: .userAdmin, handler: { try quota(try await ownReport($0, $1), $0) }),
        .user(
            .get, "/api/v1/user/quota/{quota_id}/limit", "listUserQuotaLimit", tag: tag,
            "The limits of the user's quota", scope: .userAdmin,
            handler: { try limits(try await ownReport($0, $1), $0) }),
        .user(
            .get, "/api/v1/user/quota/{quota_id}/limit/{limit_id}", "getUserQuotaLimit", tag: tag,
            "One limit of the user's quota", scope: .userAdmin,
            handler: { try limit(try await ownReport($0, $1), $0) }),
    ]

    /// The changes, which only superusers make, of the namespace that the path names as `{name}`.
    private static func changing(at path: String, name: String, words: (String, String)) -> [APIRoute] {
        let (subject, suffix) = words
        let changes = QuotaChanges(nameParameter: name)
        let quota = path + "/{quota_id}"
        let limit = quota + "/limit/{limit_id}"
        return [
            APIRoute.superuser(
                .post, path, "create\(subject)Quota\(suffix)", tag: tag, "Gives a namespace a quota",
                handler: changes.create
            ).with {
                $0.body = QuotaRequests.newQuota
                $0.successStatus = 201
            },
            APIRoute.superuser(
                .put, quota, "change\(subject)Quota\(suffix)", tag: tag, "Changes a quota", handler: changes.change
            ).with { $0.body = QuotaRequests.changedQuota },
            APIRoute.superuser(
                .delete, quota, "delete\(subject)Quota\(suffix)", tag: tag, "Removes a quota", handler: changes.remove
            ).with { $0.successStatus = 204 },
            APIRoute.superuser(
                .post, quota + "/limit", "create\(subject)QuotaLimit\(suffix)", tag: tag, "Adds a limit to a quota",
                handler: changes.addLimit
            ).with {
                $0.body = QuotaRequests.newLimit
                $0.successStatus = 201
            },
            APIRoute.superuser(
                .put, limit, "change\(subject)QuotaLimit\(suffix)", tag: tag, "Changes a quota's limit",
                handler: changes.changeLimit
            ).with { $0.body = QuotaRequests.changedLimit },
            APIRoute.superuser(
                .delete, limit, "delete\(subject)QuotaLimit\(suffix)", tag: tag, "Removes a quota's limit",
                handler: changes.removeLimit
            ).with { $0.successStatus = 204 },
        ]
    }

    /// What a superuser sees and does wherever the namespace is: `/api/v1/superuser/organization|users/…`.
    private static func superuserRoutes(_ segment: String, _ subject: String) -> [APIRoute] {
        let path = "/api/v1/superuser/\(segment)/{namespace}/quota"
        return [
            .superuser(
                .get, path, "list\(subject)QuotaSuperUser", tag: tag, "The quota of a namespace",
                handler: { request, superuser in
                    let name = try request.username("namespace")
                    return JSONReply(
                        QuotaResponses.list(try await request.services.quotas.report(of: name, by: superuser)))
                })
        ] + changing(at: path, name: "namespace", words: (subject, "SuperUser"))
    }

    /// Members of the organization see its quota, and superusers that of every organization.
    private static func organizationReport(_ request: APIRequest) async throws -> QuotaService.Report {
        if request.caller.scopes.contains(.superuser), request.site.isOn(.superusers),
            let superuser = try await superuser(request)
        {
            return try await request.services.quotas.report(of: request.username("orgname"), by: superuser)
        }
        return try await request.services.quotas.report(in: request.organizationAccess(.member))
    }

    private static func superuser(_ request: APIRequest) async throws -> SuperuserAccess? {
        do { return try await request.services.access.superuser(for: request.caller) } catch let error as RegistryError
            where [.forbidden, .unauthenticated].contains(error.kind)
        {
            return nil
        }
    }

    private static func ownReport(_ request: APIRequest, _ user: UserAccess) async throws -> QuotaService.Report {
        try await request.services.quotas.report(in: request.ownNamespace(user))
    }

    private static func quota(_ report: QuotaService.Report, _ request: APIRequest) throws -> JSONReply {
        JSONReply(QuotaResponses.quota(try found(report, request), usage: report.usage))
    }

    private static func limits(_ report: QuotaService.Report, _ request: APIRequest) throws -> JSONReply {
        JSONReply(QuotaResponses.limits(try found(report, request)))
    }

    private static func limit(_ report: QuotaService.Report, _ request: APIRequest) throws -> JSONReply {
        let id = try QuotaChanges.number("limit_id", request)
        guard let limit = try found(report, request).limits.first(where: { $0.id == id }) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return JSONReply(QuotaResponses.limit(limit))
    }

    private static func found(_ report: QuotaService.Report, _ request: APIRequest) throws -> Quota {
        let id = try QuotaChanges.number("quota_id", request)
        guard let quota = report.quota, quota.id == id else { throw RegistryError(.notFound, "Not Found") }
        return quota
    }
}
