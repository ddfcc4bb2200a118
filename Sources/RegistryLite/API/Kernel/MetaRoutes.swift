import Domain
import HTTPTypes

/// What the API says about itself: its description and the meaning of its errors.
enum MetaRoutes {
    static let routes: [APIRoute] = [
        .everybody(.get, "/api/v1/discovery", "discovery", tag: "discovery", "This document", handler: discovery)
            .with {
                $0.isAnonymousAllowed = true
                $0.query = [QueryParameter("internal", .boolean, "Whether to show internal operations")]
            },
        .everybody(
            .get, "/api/v1/error/{error_type}", "getErrorDescription", tag: "error", "What an error type means",
            handler: error),
    ]

    private static func discovery(_ request: APIRequest) async throws -> JSONReply {
        let shown = Features.routes.filter { $0.features.allSatisfy(request.site.isOn) }
        let document = Discovery(urls: request.site.urls, title: request.site.title, routes: shown)
        return JSONReply(document.document(showsInternal: request.query.bool("internal")))
    }

    private static func error(_ request: APIRequest) async throws -> JSONReply {
        let type = try request.parameter("error_type")
        guard let known = APIError.descriptions[type] else { throw RegistryError(.notFound, "Not Found") }
        return JSONReply([
            "type": .string(request.site.urls.api("error/\(type)")), "title": .string(known.title),
            "description": .string(known.description),
        ])
    }
}
