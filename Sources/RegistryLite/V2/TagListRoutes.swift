import Domain
import HTTPTypes
import Hummingbird
import RegistryCore

/// `GET /v2/<name>/tags/list?n=&last=`: tag names in the order of their bytes, page by page.
enum TagListRoutes {
    private struct Body: Encodable {
        let name: String
        let tags: [String]
    }

    static func respond(to request: V2Request, _ name: RepositoryName) async throws -> Response {
        let access = try await request.access(name, .read)
        let asked = try V2Page(request.query)
        let page = try await request.services.tags.names(in: access, after: asked.last, limit: asked.limit)
        var headers: HTTPFields = [.contentType: "application/json"]
        if page.hasMore, let last = page.names.last {
            headers[.link] = asked.next(V2Request.location(name, "tags/list"), last: last)
        }
        let body = Body(name: name.text, tags: page.names)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: V2JSON.buffer(body, logger: request.context.logger)))
    }
}
