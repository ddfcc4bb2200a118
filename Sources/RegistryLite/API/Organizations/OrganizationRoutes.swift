import Domain
import HTTPTypes
import RegistryCore

/// Organizations: being created and being looked at.
enum OrganizationRoutes {
    private static let newOrganizationSchema = BodySchema(
        "NewOrg", .required("name"), .optional("email"), .optional("recaptcha_response"))

    static let routes: [APIRoute] = [
        .user(
            .post, "/api/v1/organization/", "createOrganization", tag: "organization", "Creates an organization",
            scope: .userAdmin, handler: create
        ).with {
            $0.body = newOrganizationSchema
            $0.successStatus = 201
        },
        .everybody(
            .get, "/api/v1/organization/{orgname}", "getOrganization", tag: "organization", "An organization's details",
            handler: view),
        .organization(
            .delete, "/api/v1/organization/{orgname}", "deleteAdminedOrganization", tag: "organization",
            "Deletes an organization with all that is in it", right: .administer, handler: delete
        ).with {
            $0.needsFreshLogin = true
            $0.successStatus = 204
        },
    ]

    private static func create(_ request: APIRequest, _ user: UserAccess) async throws -> JSONReply {
        let email = request.body["email"]?.string
        if request.site.isOn(.mailing), email?.isEmpty ?? true {
            throw RegistryError(.invalidRequest, "Email address is required")
        }
        _ = try await request.services.organizations.create(
            request.body["name"]?.string ?? "", email: email, by: user)
        return JSONReply("Created")
    }

    private static func delete(_ request: APIRequest, _ organization: NamespaceAccess) async throws -> JSONReply {
        try await request.services.organizations.delete(in: organization, ip: request.clientAddress)
        return .empty
    }

    /// What the caller sees of an organization.
    static func view(_ request: APIRequest) async throws -> JSONReply {
        let view = try await request.services.organizations.view(
            request.username("orgname"), for: request.caller, access: request.services.access)
        return JSONReply(OrganizationResponses.organization(view))
    }
}
