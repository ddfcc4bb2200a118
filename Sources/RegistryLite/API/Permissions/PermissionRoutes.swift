import Domain
import HTTPTypes
import RegistryCore

/// What users and robots may do in one repository.
enum PermissionRoutes {
    private static let path = "/api/v1/repository/{repository}/permissions/user/"
    private static let schema = BodySchema(
        "UserPermission", .required("role", .string(oneOf: ["read", "write", "admin"])))

    static let routes: [APIRoute] = [
        .repository(
            .get, path, "listRepoUserPermissions", tag: "permission", "The permissions of users and robots",
            role: .admin, handler: list),
        .repository(
            .get, path + "{username}", "getUserPermissions", tag: "permission", "The permission of a user or robot",
            role: .admin, handler: show),
        .repository(
            .put, path + "{username}", "changeUserPermissions", tag: "permission", "Gives a user or robot a role",
            role: .admin, handler: change
        ).with { $0.body = schema },
        .repository(
            .delete, path + "{username}", "deleteUserPermissions", tag: "permission",
            "Takes a user's or robot's permission away", role: .admin, handler: remove
        ).with { $0.successStatus = 204 },
    ]

    private static func list(_ request: APIRequest, _ access: RepositoryAccess) async throws -> JSONReply {
        let all = try await request.services.permissions.list(in: access)
        return JSONReply(["permissions": .object(Dictionary(all.map { ($0.name, view($0)) }) { _, new in new })])
    }

    private static func show(_ request: APIRequest, _ access: RepositoryAccess) async throws -> JSONReply {
        JSONReply(view(try await request.services.permissions.find(request.parameter("username"), in: access)))
    }

    private static func change(_ request: APIRequest, _ access: RepositoryAccess) async throws -> JSONReply {
        guard let role = request.body["role"]?.string.flatMap(RepositoryRole.init) else {
            throw RegistryError(.invalidRequest, "'role' is a required property")
        }
        return JSONReply(
            view(try await request.services.permissions.set(role, for: request.parameter("username"), in: access)))
    }

    private static func remove(_ request: APIRequest, _ access: RepositoryAccess) async throws -> JSONReply {
        try await request.services.permissions.remove(request.parameter("username"), in: access)
        return .empty
    }

    private static func view(_ permission: PermissionStore.Direct) -> JSONValue {
        var view: [String: JSONValue] = [
            "role": .string(permission.role.rawValue), "name": .string(permission.name),
            "avatar": AvatarResponse.avatar(
                permission.name, permission.isRobot ? .robot : .user, email: permission.email),
            "is_robot": .bool(permission.isRobot),
        ]
        if let isMember = permission.isOrganizationMember { view["is_org_member"] = .bool(isMember) }
        return .object(view)
    }
}
