import Domain
import HTTPTypes
import Hummingbird
import Logging
import RegistryCore

/// Whether this instance and what it needs work. Source: Quay, health endpoints.
///
/// `/health/instance` asks what this process needs to serve, `/health/endtoend` (also `/status`) what the whole registry
/// needs. 200 when all is well, else 503.
struct HealthRoutes: Sendable {
    let checks: HealthChecks

    func respond(to request: Request, context: AppContext) async throws -> Response {
        guard request.method == .get || request.method == .head else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
        }
        let response: Response
        switch request.uri.path {
        case "/_internal_ping": response = JSONReply.response(true, status: .ok, headers: [:], logger: context.logger)
        case "/health/instance": response = reply(await checks.instance(context.logger), context)
        case "/health/warning": response = reply(await checks.warning(context.logger), context)
        case "/health/endtoend", "/status": response = reply(await checks.endToEnd(context.logger), context)
        case "/health/dbrevision": response = reply(await checks.schema(context.logger), context)
        default: response = APIError.plain("Not Found", status: .notFound, logger: context.logger)
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func reply(_ services: [String: Bool], _ context: AppContext) -> Response {
        let isWell = services.values.allSatisfy { $0 }
        return JSONReply.response(
            [
                "data": ["services": .object(services.mapValues(JSONValue.bool))],
                "status_code": .integer(isWell ? 200 : 503),
            ], status: isWell ? .ok : .serviceUnavailable, headers: [:], logger: context.logger)
    }
}
