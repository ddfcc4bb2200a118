import HTTPTypes
import Hummingbird
import RegistryCore

/// `GET /v2/_catalog?n=&last=`: the full names of the repositories that the caller may read, in the order of their bytes.
enum CatalogRoutes {
    private struct Body: Encodable {
        let repositories: [String]
    }

    static func respond(to request: V2Request) async throws -> Response {
        let asked = try V2Page(request.query)
        let page = try await request.services.catalog.names(
            for: request.caller, after: asked.last, limit: asked.limit)
        var headers: HTTPFields = [.contentType: "application/json"]
        if page.hasMore, let last = page.names.last { headers[.link] = asked.next("/v2/_catalog", last: last) }
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(
                byteBuffer: V2JSON.buffer(Body(repositories: page.names), logger: request.context.logger)))
    }
}
