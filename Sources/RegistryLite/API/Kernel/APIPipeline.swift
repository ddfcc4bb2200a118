import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RegistryCore
import Secrets

/// Runs the fixed order of every API request: feature, CSRF, CORS, credentials, browser rule, schema, access, handler.
///
/// Source: Quay, request processing order. A request with a bearer token never uses its session, so it needs no CSRF
/// token; HTTP Basic means nothing here.
struct APIPipeline: Sendable {
    /// No body of the API is larger, in bytes.
    static let maximumBodyBytes = 1_048_576

    let services: Registry
    let site: Site
    let pages: PageTokens
    let cookies: SessionCookies
    private let router: APIRouter
    private let cors: CORS

    init(services: Registry, site: Site, pages: PageTokens, routes: [APIRoute]) {
        self.services = services
        self.site = site
        self.pages = pages
        cookies = SessionCookies(site: site, sessions: services.sessions)
        router = APIRouter(routes)
        cors = CORS(origins: site.corsOrigins)
    }

    func respond(to request: Request, context: AppContext) async -> Response {
        var response: Response
        do { response = try await answer(request, context) } catch {
            response = APIError.response(error, urls: site.urls, logger: context.logger)
        }
        for field in cors.headers(origin: request.headers[.origin]) { response.headers[field.name] = field.value }
        response.headers[.xContentTypeOptions] = "nosniff"
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request, _ context: AppContext) async throws -> Response {
        let logger = context.logger
        guard let path = request.uri.path.removingPercentEncoding, !path.utf8.contains(0) else {
            throw RegistryError(.notFound, "Not Found")
        }
        if request.method == .options { return JSONReply.response(.null, status: .ok, headers: [:], logger: logger) }
        switch router.match(request.method, path) {
        case .nothing: throw RegistryError(.notFound, "Not Found")
        case .otherMethods(let methods):
            var response = APIError.plain("Method not allowed", status: .methodNotAllowed, logger: logger)
            response.headers[.allow] = methods.map(\.rawValue).sorted().joined(separator: ", ")
            return response
        case .found(let route, let parameters):
            context.notes.name(route.path)
            guard route.features.allSatisfy(site.isOn) else { throw RegistryError(.notFound, "Not Found") }
            return try await answer(request, context, route, parameters)
        }
    }

    private func answer(
        _ request: Request, _ context: AppContext, _ route: APIRoute, _ parameters: [String: String]
    ) async throws -> Response {
        let query = QueryValues(request.uri.query)
        let bearer = request.headers[.authorization].flatMap(BearerCredentials.token(inHeader:))
        let session = bearer == nil ? try await cookies.session(of: request) : nil
        if bearer == nil, route.needsCSRFToken {
            let token = HTTPField.Name(CSRF.requestHeader).flatMap { request.headers[$0] } ?? query[CSRF.parameter]
            guard CSRF.allows(request.method, token: token, session: session?.session) else {
                return APIError.plain(CSRF.refusal, status: .forbidden, logger: context.logger)
            }
        }
        let caller = try await caller(bearer, session)
        context.notes.name(caller)
        guard site.anonymousAccess || route.isAnonymousAllowed || !caller.isAnonymous else {
            throw RegistryError(.unauthenticated, "Requires authentication")
        }
        try checkBrowser(request)
        // Where nobody signs in with a password, nobody can give it again.
        if route.needsFreshLogin, bearer == nil, site.isOn(.directLogin), let session, !isFresh(session) {
            throw RegistryError(.freshLoginRequired, "Requires fresh login")
        }
        let reply = try await route.handler(
            APIRequest(
                services: services, site: site, pages: pages, route: route, caller: caller, session: session,
                path: parameters,
                query: query, body: try await body(of: request, route), clientAddress: context.clientAddress,
                userAgent: request.headers[.userAgent]))
        let status = HTTPResponse.Status(code: reply.status ?? route.successStatus)
        return JSONReply.response(reply.body, status: status, headers: reply.headers, logger: context.logger)
    }

    private func caller(_ bearer: String?, _ session: SessionService.Found?) async throws -> Caller {
        if let bearer { return try await services.bearer.caller(token: bearer) }
        if case .signedIn(let signedIn) = session { return signedIn.caller }
        return .anonymous
    }

    private func isFresh(_ session: SessionService.Found) -> Bool {
        guard case .signedIn(let signedIn) = session else { return true }
        return services.sessions.isFresh(signedIn.session, within: site.freshLoginTimeout)
    }

    private func checkBrowser(_ request: Request) throws {
        guard site.browserCallsNeedXHR, request.method == .get, BrowserRule.isBrowser(request.headers[.userAgent]),
            HTTPField.Name("X-Requested-With").flatMap({ request.headers[$0] }) != "XMLHttpRequest"
        else { return }
        throw RegistryError(.invalidRequest, BrowserRule.refusal)
    }

    private func body(of request: Request, _ route: APIRoute) async throws -> JSONValue {
        guard let schema = route.body else { return .object([:]) }
        let buffer = try await request.body.collect(upTo: Self.maximumBodyBytes)
        guard buffer.readableBytes > 0 else {
            guard schema.isBodyOptional else { throw RegistryError(.invalidRequest, "Missing JSON body") }
            return .object([:])
        }
        let value: JSONValue
        do { value = try JSONValue(parsing: Array(buffer.readableBytesView)) } catch {
            throw RegistryError(.invalidRequest, error.message)
        }
        try schema.validate(value)
        return value
    }
}
