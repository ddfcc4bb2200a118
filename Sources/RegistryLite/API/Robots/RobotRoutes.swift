import Domain
import HTTPTypes
import RegistryCore

/// The robot accounts of the signed-in user and of organizations: the same operations on two paths.
enum RobotRoutes {
    private static let schema = BodySchema(
        "CreateRobot", isBodyOptional: true, .optional("description"), .optional("unstructured_metadata", .object()))
    private static let listParameters = [
        QueryParameter("permissions", .boolean, "Whether to show each robot's repositories and teams"),
        QueryParameter("token", .boolean, "Whether to show tokens, to who may see them"),
        QueryParameter("limit", .integer, "How many robots to show at most"),
    ]

    static let routes: [APIRoute] = userRoutes + organizationRoutes

    private static let userRoutes: [APIRoute] = [
        own(.get, "", "getUserRobots", "The robots of the signed-in user", list)
            .with { $0.query = listParameters },
        own(.get, "/{robot_shortname}", "getUserRobot", "A robot with its token", show),
        own(.put, "/{robot_shortname}", "createUserRobot", "Creates a robot", create)
            .with {
                $0.body = schema; $0.successStatus = 201
            },
        own(.delete, "/{robot_shortname}", "deleteUserRobot", "Deletes a robot", delete)
            .with { $0.successStatus = 204 },
        own(
            .post, "/{robot_shortname}/regenerate", "regenerateUserRobotToken", "Gives a robot a new token", regenerate),
    ]

    private static let organizationRoutes: [APIRoute] = [
        organization(.get, "", "getOrgRobots", "The robots of an organization", right: .member, list)
            .with { $0.query = listParameters },
        organization(.get, "/{robot_shortname}", "getOrgRobot", "A robot with its token", show),
        organization(.put, "/{robot_shortname}", "createOrgRobot", "Creates a robot", create)
            .with {
                $0.body = schema; $0.successStatus = 201
            },
        organization(.delete, "/{robot_shortname}", "deleteOrgRobot", "Deletes a robot", delete)
            .with { $0.successStatus = 204 },
        organization(
            .post, "/{robot_shortname}/regenerate", "regenerateOrgRobotToken", "Gives a robot a new token", regenerate),
    ]

    private typealias Work = @Sendable (APIRequest, NamespaceAccess) async throws -> JSONReply

    private static func own(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, _ summary: String, _ work: @escaping Work
    ) -> APIRoute {
        .user(method, "/api/v1/user/robots" + path, operationID, tag: "robot", summary, scope: .userAdmin) {
            try await work($0, $0.ownNamespace($1))
        }
    }

    private static func organization(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, _ summary: String,
        right: NamespaceRight = .administer, _ work: @escaping Work
    ) -> APIRoute {
        .organization(
            method, "/api/v1/organization/{orgname}/robots" + path, operationID, tag: "robot", summary, right: right,
            handler: work)
    }

    private static func list(_ request: APIRequest, _ access: NamespaceAccess) async throws -> JSONReply {
        let limit = try request.query.integer("limit").map { max(0, min($0, 10_000)) }
        let robots = request.services.robots
        guard access.right.includes(.administer), request.query.bool("token", default: true) else {
            return JSONReply([
                "robots": .array(try await robots.list(in: access, limit: limit).map { RobotResponses.robot($0) })
            ])
        }
        let revealed = try await robots.listRevealed(in: access, limit: limit)
        return JSONReply(["robots": .array(revealed.map(RobotResponses.robot))])
    }

    private static func show(_ request: APIRequest, _ access: NamespaceAccess) async throws -> JSONReply {
        JSONReply(
            RobotResponses.robot(
                try await request.services.robots.find(request.username("robot_shortname"), in: access)))
    }

    private static func create(_ request: APIRequest, _ access: NamespaceAccess) async throws -> JSONReply {
        let name = try Username(request.parameter("robot_shortname"))
        let metadata = request.body["unstructured_metadata"] ?? .object([:])
        let revealed = try await request.services.robots.create(
            name, description: request.body["description"]?.string ?? "",
            metadataJSON: String(decoding: try metadata.encoded(), as: UTF8.self), in: access)
        return JSONReply(RobotResponses.robot(revealed))
    }

    private static func delete(_ request: APIRequest, _ access: NamespaceAccess) async throws -> JSONReply {
        try await request.services.robots.delete(request.username("robot_shortname"), in: access)
        return .empty
    }

    private static func regenerate(_ request: APIRequest, _ access: NamespaceAccess) async throws -> JSONReply {
        JSONReply(
            RobotResponses.robot(
                try await request.services.robots.regenerate(request.username("robot_shortname"), in: access)))
    }
}
