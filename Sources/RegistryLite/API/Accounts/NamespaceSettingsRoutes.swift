import Domain
import HTTPTypes
import RegistryCore

/// What users and organizations change about themselves.
enum NamespaceSettingsRoutes {
    private static let timeMachine = BodySchema.Field.optional(
        "tag_expiration_s", .integer(minimum: 0),
        "How long removed tags can be restored, in seconds: one of TAG_EXPIRATION_OPTIONS")

    static let routes: [APIRoute] = [
        .user(
            .put, "/api/v1/user/", "changeUserDetails", tag: "user",
            "Changes the signed-in user's settings",
            scope: .userAdmin, handler: changeUser
        ).with { $0.body = BodySchema("UpdateUser", timeMachine) },
        .organization(
            .put, "/api/v1/organization/{orgname}", "changeOrganizationDetails", tag: "organization",
            "Changes an organization's settings", right: .administer, handler: changeOrganization
        ).with { $0.body = BodySchema("UpdateOrg", timeMachine) },
    ]

    private static func changeUser(_ request: APIRequest, _ user: UserAccess) async throws
        -> JSONReply
    {
        let others = [
            "password", "email", "username", "invoice_email", "invoice_email_address", "given_name",
            "family_name",
            "company", "location",
        ]
        try refuse(others, request.body)
        try await changeTimeMachine(of: request.ownNamespace(user), request)
        return try await AccountRoutes.ownView(user.id, request, caller: user.caller)
    }

    private static func changeOrganization(
        _ request: APIRequest, _ access: NamespaceAccess
    ) async throws -> JSONReply {
        try refuse(["email", "invoice_email", "invoice_email_address"], request.body)
        try await changeTimeMachine(of: access, request)
        return try await OrganizationRoutes.view(request)
    }

    private static func changeTimeMachine(of access: NamespaceAccess, _ request: APIRequest)
        async throws
    {
        guard let seconds = request.body["tag_expiration_s"]?.integer else { return }
        try await request.services.timeMachines.change(
            to: TimeMachine(seconds: Int(clamping: seconds)), in: access, ip: request.clientAddress)
    }

    /// A change that is not made must not be answered as if it were.
    private static func refuse(_ names: [String], _ body: JSONValue) throws {
        guard let name = names.first(where: { body[$0] != nil }) else { return }
        throw RegistryError(.invalidRequest, "\(name) can't be changed by this registry.")
    }
}
