import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RegistryCore
import Secrets

/// Whether this instance and what it needs work. Source: Quay, health endpoints.
///
/// `/health/instance` asks what this process needs to serve, `/health/endtoend` (also `/status`) what the whole registry
/// needs. 200 when all is well, else 503. `/livez`, `/readyz` and `/startupz` are for Kubernetes.
struct HealthRoutes: Sendable {
    let services: Registry
    let site: Site
    let checks: HealthChecks
    let readiness: Readiness

    func respond(to request: Request, context: AppContext) async throws -> Response {
        guard request.method == .get || request.method == .head else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
        }
        let (path, logger) = (request.uri.path, context.logger)
        context.notes.name(Self.known.contains(path) ? path : "/health/…")
        let response: Response
        switch path {
        case "/_internal_ping": response = JSONReply.response(true, status: .ok, headers: [:], logger: logger)
        case "/health/instance": response = await reply(await instance(logger), request, context)
        case "/health/warning":
            response = await reply(await instance(logger).merging(await checks.space(logger)) { $1 }, request, context)
        case "/health/endtoend", "/status":
            response = await reply(await checks.endToEnd(logger), request, context)
        case "/health/dbrevision": response = await reply(await checks.schema(logger), request, context)
        case "/livez", "/startupz": response = Self.word(isWell: true)
        case "/readyz":
            let isReady = !readiness.isDraining
            response = Self.word(isWell: isReady ? await checks.schema(logger).values.allSatisfy { $0.isWell } : false)
        default: response = APIError.plain("Not Found", status: .notFound, logger: logger)
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private static let known: Set = [
        "/_internal_ping", "/health/instance", "/health/warning", "/health/endtoend", "/status", "/health/dbrevision",
        "/livez", "/startupz", "/readyz",
    ]

    /// What this process needs, and whether it takes requests; the two servers of Quay are one process here.
    private func instance(_ logger: Logger) async -> [String: HealthChecks.Result] {
        var parts = await checks.instance(logger)
        let serves = readiness.isDraining ? HealthChecks.Result(failure: "The program is stopping.") : .well
        parts["registry_gunicorn"] = serves
        parts["web_gunicorn"] = serves
        return parts
    }

    private static func word(isWell: Bool) -> Response {
        Response(
            status: isWell ? .ok : .serviceUnavailable, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: isWell ? "ok\n" : "not ready\n")))
    }

    private func reply(
        _ parts: [String: HealthChecks.Result], _ request: Request, _ context: AppContext
    ) async -> Response {
        let isWell = parts.values.allSatisfy(\.isWell)
        var data: [String: JSONValue] = ["services": .object(parts.mapValues { .bool($0.isWell) })]
        if await maySeeReasons(request, context) {
            data["services_expanded"] = .object(
                parts.mapValues { part in
                    guard let failure = part.failure else { return ["status": true] }
                    return ["status": false, "failure": .string(failure)]
                })
            data["notes"] = .array([])
            data["is_testing"] = false
            data["hostname"] = .string(ProcessInfo.processInfo.hostName)
        }
        return JSONReply.response(
            ["data": .object(data), "status_code": .integer(isWell ? 200 : 503)],
            status: isWell ? .ok : .serviceUnavailable, headers: [.cacheControl: "no-store"], logger: context.logger)
    }

    /// Reasons name hosts and paths: they are for superusers, and for whoever has ENABLE_HEALTH_DEBUG_SECRET.
    private func maySeeReasons(_ request: Request, _ context: AppContext) async -> Bool {
        if let secret = site.healthDebugSecret, let given = QueryValues(request.uri.query)["debug"],
            constantTimeEquals(secret.utf8, given.utf8)
        {
            return true
        }
        let visitor = CallerOfRequest(services: services, site: site)
        guard visitor.hasCredentials(request) else { return false }
        do {
            _ = try await services.access.superuser(for: try await visitor.caller(of: request))
            return true
        } catch {
            context.logger.debug("the health's reasons are not shown: \(error)")
            return false
        }
    }
}
