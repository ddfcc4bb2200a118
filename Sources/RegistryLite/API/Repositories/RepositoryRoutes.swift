import Domain
import HTTPTypes
import RegistryCore

/// Repositories: creating, listing, looking at and changing them.
enum RepositoryRoutes {
    private static let path = "/api/v1/repository/{repository}"

    static let routes: [APIRoute] = [
        APIRoute(
            method: .post, path: "/api/v1/repository", operationID: "createRepo", tag: "repository",
            summary: "Creates a repository", access: .createRepository, body: RepositoryRequests.createSchema,
            successStatus: 201, handler: create),
        .everybody(
            .get, "/api/v1/repository", "listRepos", tag: "repository", "The repositories that the caller may read",
            handler: list
        ).with {
            $0.query = [
                QueryParameter("namespace", .string, "Only those of this user or organization"),
                QueryParameter("public", .boolean, "Only public ones"),
                QueryParameter("last_modified", .boolean, "Whether to show when each was last changed"),
                QueryParameter("next_page", .string, "The token of the page before"),
            ]
        },
        .repository(.get, path, "getRepo", tag: "repository", "A repository", role: .read, handler: show).with {
            $0.query = [
                QueryParameter("includeTags", .boolean, "Whether to show the newest 500 tags; true without")
            ]
        },
        .repository(
            .put, path, "updateRepo", tag: "repository", "Changes the description", role: .write, handler: update
        ).with {
            $0.body = RepositoryRequests.updateSchema; $0.needsNormalState = true
        },
        .repository(
            .delete, path, "deleteRepository", tag: "repository", "Deletes a repository", role: .admin, handler: delete
        ).with { $0.successStatus = 204 },
        .repository(
            .post, path + "/changevisibility", "changeRepoVisibility", tag: "repository",
            "Makes a repository public or private", role: .admin, handler: changeVisibility
        ).with {
            $0.body = RepositoryRequests.visibilitySchema; $0.needsNormalState = true
        },
    ]

    private static func create(_ request: APIRequest) async throws -> JSONReply {
        let wanted = try RepositoryRequests.Create(request.body)
        guard case .user(_, let own) = request.caller.identity else {
            throw RegistryError(.unauthenticated, "Requires authentication")
        }
        let namespace = try wanted.namespace.map { try Username($0) } ?? own
        let access = try await request.services.access.namespace(namespace, .createRepositories, for: request.caller)
        let name: RepositoryName
        do { name = try RepositoryName(namespace: namespace, name: wanted.name) } catch {
            throw RegistryError(.invalidRequest, "Invalid repository name")
        }
        let repository = try await request.services.repositories.create(
            name, wanted.visibility, description: wanted.description, in: access)
        return JSONReply([
            "namespace": .string(repository.name.namespace.text), "name": .string(repository.name.name),
            "kind": "image",
        ])
    }

    private static func list(_ request: APIRequest) async throws -> JSONReply {
        let isPublicOnly = request.query.bool("public")
        let namespace = request.query["namespace"].flatMap { $0.isEmpty ? nil : $0 }
        guard isPublicOnly || namespace != nil else {
            throw RegistryError(.invalidRequest, "namespace, starred, or public are required for this API call")
        }
        // Nobody has a name that breaks the rule: nothing is listed.
        if let namespace, case .failure = Result(catching: { try Username(namespace) }) {
            return JSONReply(["repositories": []])
        }
        let page = try await request.services.repositories.list(
            RepositoryStore.Filter(namespace: try namespace.map { try Username($0) }, isPublicOnly: isPublicOnly),
            for: request.caller, after: Paging.start(request))
        var reply: [String: JSONValue] = ["repositories": .array(page.repositories.map(RepositoryResponses.item))]
        if let next = try Paging.next(page.next, request) { reply["next_page"] = .string(next) }
        return JSONReply(.object(reply))
    }

    private static func show(_ request: APIRequest, _ access: RepositoryAccess) async throws -> JSONReply {
        let badge = try await request.services.repositories.badgeToken(access)
        let view = RepositoryResponses.detail(access, badgeToken: badge)
        guard request.query.bool("includeTags", default: true) else { return JSONReply(view) }
        let tags = try await request.services.tagHistory.list(
            .init(isAliveOnly: true), from: .skipping(0), limit: TagHistoryService.shownWithRepository, in: access)
        return JSONReply(view.merging(["tags": TagResponses.ofRepository(tags.lines)]))
    }

    private static func update(_ request: APIRequest, _ access: RepositoryAccess) async throws -> JSONReply {
        try await request.services.repositories.changeDescription(
            to: request.body["description"]?.string ?? "", in: access)
        return JSONReply(["success": true])
    }

    private static func delete(_ request: APIRequest, _ access: RepositoryAccess) async throws -> JSONReply {
        try await request.services.repositories.delete(access)
        return .empty
    }

    private static func changeVisibility(_ request: APIRequest, _ access: RepositoryAccess) async throws -> JSONReply {
        try await request.services.repositories.changeVisibility(
            to: RepositoryRequests.visibility(request.body), in: access)
        return JSONReply(["success": true])
    }
}
