import Domain
import HTTPTypes
import Hummingbird
import RegistryCore

/// `GET /v2/<name>/tags/list?n=&last=`: tag names in the order of their bytes, page by page.
enum TagListRoutes {
    /// How many names a page has at most, and when nothing is asked for.
    private static let maximumPage = 1000

    private struct Body: Encodable {
        let name: String
        let tags: [String]
    }

    static func respond(to request: V2Request, _ name: RepositoryName) async throws -> Response {
        guard request.method == .get || request.method == .head else { throw V2Routes.wrongMethod }
        let access = try await request.access(name, .read)
        let limit = try limit(request.query["n"])
        let page = try await request.services.tags.names(in: access, after: request.query["last"], limit: limit)
        var headers: HTTPFields = [.contentType: "application/json"]
        if page.hasMore, limit > 0, let last = page.names.last {
            headers[.link] = "<\(V2Request.location(name, "tags/list?n=\(limit)&last=\(last)"))>; rel=\"next\""
        }
        let body = Body(name: name.text, tags: page.names)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: V2JSON.buffer(body, logger: request.context.logger)))
    }

    private static func limit(_ text: String?) throws -> Int {
        guard let text else { return maximumPage }
        guard let limit = Int(text), limit >= 0 else {
            throw RegistryError(.invalidRequest, "n must be a whole number.", details: ["n": text])
        }
        return min(limit, maximumPage)
    }
}
