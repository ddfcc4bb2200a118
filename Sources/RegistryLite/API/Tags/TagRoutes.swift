import Domain
import HTTPTypes
import RegistryCore

/// The tags of a repository: listing them with their history, changing, deleting and restoring one.
enum TagRoutes {
    private static let path = "/api/v1/repository/{repository}/tag/"

    static let routes: [APIRoute] = [
        .repository(
            .get, path, "listRepoTags", tag: "tag",
            "The tags of a repository, and what they pointed at before",
            role: .read, handler: list
        ).with { $0.query = TagRequests.listQuery },
        .repository(
            .put, path + "{tag}", "changeTag", tag: "tag",
            "Makes or moves a tag, sets its expiration, protects it",
            role: .write, handler: change
        ).with {
            $0.body = TagRequests.changeSchema
            $0.needsNormalState = true
            $0.successStatus = 201
        },
        .repository(
            .delete, path + "{tag}", "deleteFullTag", tag: "tag", "Deletes a tag", role: .write,
            handler: delete
        ).with {
            $0.needsNormalState = true
            $0.successStatus = 204
        },
        .repository(
            .post, path + "{tag}/restore", "restoreTag", tag: "tag",
            "Points a tag at a manifest that was there before", role: .write, handler: restore
        ).with {
            $0.body = TagRequests.restoreSchema
            $0.needsNormalState = true
        },
    ]

    private static func list(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        let wanted = try TagRequests.List(request.query)
        let after = Paging.position(request, as: TagHistoryStore.Position.self)
        var page: TagHistoryService.Page?
        // Without a filter no name can match, and nothing need be asked.
        if let filter = wanted.filter {
            page = try await request.services.tagHistory.list(
                filter, from: after.map { .after($0) } ?? .skipping((wanted.page - 1) * wanted.limit),
                limit: wanted.limit, in: access)
        }
        let (lines, hasMore) = (page?.lines ?? [], page?.hasMore ?? false)
        var reply: [String: JSONValue] = [
            "tags": .array(lines.map(TagResponses.line)), "page": .integer(Int64(wanted.page)),
            "has_additional": .bool(hasMore),
        ]
        if hasMore, let last = lines.last {
            reply["next_page"] = .string(try Paging.token(last.entry.position, request))
        }
        return JSONReply(.object(reply))
    }

    private static func change(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        try await request.services.tags.change(
            TagRequests.name(request), TagRequests.change(request.body), in: access,
            ip: request.clientAddress)
        return JSONReply("Updated")
    }

    private static func delete(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        try await request.services.tags.delete(
            TagRequests.name(request), in: access, ip: request.clientAddress)
        return .empty
    }

    private static func restore(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        try await request.services.tags.restore(
            TagRequests.name(request), to: TagRequests.restoredDigest(request.body), in: access,
            ip: request.clientAddress)
        return JSONReply([:])
    }
}
