import Domain
import Foundation
import HTTPTypes
import RegistryCore

/// Builds of a repository: requesting, listing, looking at and cancelling them, and their logs. Source: Quay 1.12.
enum BuildRoutes {
    private static let path = "/api/v1/repository/{repository}/build/"

    static let routes: [APIRoute] = [
        .repository(.get, path, "getRepoBuilds", tag: "build", "The builds of a repository", role: .read, handler: list)
            .with {
                $0.query = [
                    QueryParameter("limit", .integer, "How many builds to show: 5 unless given, 100 at most"),
                    QueryParameter("since", .integer, "Only builds since this moment, in seconds since 1970"),
                ]
            },
        .repository(
            .post, path, "requestRepoBuild", tag: "build", "Requests a build", role: .write, handler: request
        ).with {
            $0.body = BuildRequests.schema
            $0.needsNormalState = true
            $0.successStatus = 201
        },
        .repository(
            .get, path + "{build_uuid}", "getRepoBuild", tag: "build", "A build", role: .read, handler: show),
        .repository(
            .delete, path + "{build_uuid}", "cancelRepoBuild", tag: "build", "Cancels a build", role: .admin,
            handler: cancel
        ).with {
            $0.needsNormalState = true
            $0.successStatus = 201
        },
        .repository(
            .get, path + "{build_uuid}/status", "getRepoBuildStatus", tag: "build", "How far a build is", role: .read,
            handler: show),
        APIRoute(
            method: .get, path: path + "{build_uuid}/logs", operationID: "getRepoBuildLogs", tag: "build",
            summary: "The log of a build; where FEATURE_READER_BUILD_LOGS is on, for readers too",
            access: .repository(.write),
            query: [QueryParameter("start", .integer, "The number of the first entry to show")], handler: logs),
        APIRoute(
            method: .post, path: "/api/v1/filedrop/", operationID: "getFiledropUrl", tag: "build",
            summary: "Asks for an address to upload a file to", access: .user(.repositoryWrite),
            body: BuildRequests.filedropSchema, isInternal: true, handler: filedrop),
    ].map { route in route.with { $0.features = [.buildSupport] } }

    private static func list(_ request: APIRequest, _ proof: RepositoryAccess) async throws -> JSONReply {
        let limit = try request.query.integer("limit") ?? 5
        let since = try request.query.integer("since").map { Date(timeIntervalSince1970: TimeInterval($0)) }
        let views = try await request.services.builds.list(in: proof, since: since, limit: limit)
        return JSONReply(["builds": .array(views.map { response($0, request, proof) })])
    }

    private static func request(_ request: APIRequest, _ proof: RepositoryAccess) async throws -> JSONReply {
        let view = try await request.services.builds.request(
            BuildRequests.build(request.body), in: proof, ip: request.clientAddress)
        let location = request.site.urls.api("repository/\(view.repository)/build/\(view.build.uuid)/status")
        return JSONReply(response(view, request, proof), headers: [.location: location])
    }

    private static func show(_ request: APIRequest, _ proof: RepositoryAccess) async throws -> JSONReply {
        JSONReply(
            response(
                try await request.services.builds.find(request.parameter("build_uuid"), in: proof), request, proof))
    }

    private static func cancel(_ request: APIRequest, _ proof: RepositoryAccess) async throws -> JSONReply {
        try await request.services.builds.cancel(
            request.parameter("build_uuid"), in: proof, ip: request.clientAddress)
        return JSONReply("Okay")
    }

    private static func logs(_ request: APIRequest) async throws -> JSONReply {
        let proof = try await request.repositoryAccess(request.services.buildLogs.neededRole)
        let start = try request.query.integer("start") ?? 0
        let uuid = try request.parameter("build_uuid")
        switch try await request.services.buildLogs.archiveAddress(of: uuid, in: proof) {
        case .direct(let url): return JSONReply(["logs_url": .string(url)])
        case .here: return JSONReply(["logs_url": .string("\(request.site.urls.base)/logarchive/\(uuid)")])
        case nil:
            return JSONReply(
                BuildResponses.logs(try await request.services.buildLogs.page(of: uuid, from: start, in: proof)))
        }
    }

    private static func filedrop(_ request: APIRequest) async throws -> JSONReply {
        _ = try request.services.access.user(.repositoryWrite, for: request.caller)
        let file = try await request.services.userFiles.announce(
            mimeType: request.body["mimeType"]?.string ?? "", base: request.site.urls.base, by: request.caller)
        return JSONReply(["url": .string(file.url), "file_id": .string(file.uuid)])
    }

    private static func response(
        _ view: BuildView, _ request: APIRequest, _ proof: RepositoryAccess
    ) -> JSONValue {
        let isWriter = proof.role >= .write
        return BuildResponses.build(
            view, isWriter: isWriter, archiveURL: isWriter ? view.build.config.archiveURL : nil,
            readsLogs: proof.role >= request.services.buildLogs.neededRole)
    }
}
