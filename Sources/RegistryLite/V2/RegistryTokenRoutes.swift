import Domain
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import RegistryCore

/// `/v2/auth`: exchanges a password or token for a registry token.
///
/// `GET` reads HTTP Basic only, as Quay does: `account`, `client_id` and `offline_token` mean nothing. `POST` is the form
/// of the distribution token specification (OAuth 2), which containerd tries first: grant types `password` and
/// `refresh_token`. Order of refusals: credentials, then the scopes, one after the other. Source: Quay 2.2.
struct RegistryTokenRoutes: Sendable {
    /// More repositories than any push names at once: each may cost a row.
    static let maximumScopes = 20
    private static let maximumFormBytes = 65_536

    let services: Registry
    let urls: URLs

    func respond(to request: Request, context: AppContext) async throws -> Response {
        switch request.method {
        case .get: try await respondToGet(request, context)
        case .post: try await respondToPost(request, context)
        default: throw V2Routes.wrongMethod
        }
    }

    private func respondToGet(_ request: Request, _ context: AppContext) async throws -> Response {
        let origin = origin(of: request, context)
        let caller = try await services.basic.caller(request.headers[.authorization], from: origin)
        context.notes.name(caller)
        let query = try V2Query(request.uri.query)
        let scopes = try scopes(query.all("scope"))
        let token = try await grant(scopes, to: caller, service: query["service"] ?? urls.hostname)
        // Asking for nothing is how clients sign in.
        if scopes.isEmpty, case .user(let id, let name) = caller.identity {
            try await services.signIn.log(signInOf: id, name: name.text, from: origin)
        }
        return response(Body(token), context)
    }

    private func respondToPost(_ request: Request, _ context: AppContext) async throws -> Response {
        let form = try await form(of: request)
        let service = form["service"] ?? urls.hostname
        let caller: Caller
        switch form["grant_type"] {
        case "password":
            guard let name = form["username"], let password = form["password"] else {
                throw RegistryError(.invalidRequest, "The grant type password needs username and password.")
            }
            caller = try await services.basic.caller(name, password: password, from: origin(of: request, context))
        case "refresh_token":
            guard let token = form["refresh_token"] else {
                throw RegistryError(.invalidRequest, "The grant type refresh_token needs refresh_token.")
            }
            caller = try await services.refreshTokens.caller(token, service: service)
        case let other:
            throw RegistryError(
                .invalidRequest, "The grant_type must be password or refresh_token.",
                details: ["grant_type": String((other ?? "").prefix(64))])
        }
        context.notes.name(caller)
        let scopes = try scopes(form.all("scope"))
        let token = try await grant(scopes, to: caller, service: service)
        var body = Body(token)
        body.scope = scopes.map { "\($0)" }.joined(separator: " ")
        if form["grant_type"] == "refresh_token" {
            body.refresh_token = form["refresh_token"]
        } else if form["access_type"] == "offline" {
            body.refresh_token = try services.refreshTokens.issue(to: caller, service: service)
        }
        return response(body, context)
    }

    private struct Body: Encodable {
        let token: String
        let access_token: String
        let expires_in: Int
        let issued_at: String
        var scope: String?
        var refresh_token: String?

        init(_ token: RegistryToken) {
            self.token = token.text
            access_token = token.text
            expires_in = token.lifetimeSeconds
            issued_at = token.issued.formatted(.iso8601)
        }
    }

    private func grant(_ scopes: [RegistryTokenScope], to caller: Caller, service: String) async throws -> RegistryToken
    {
        do {
            return try await services.registryTokens.grant(scopes, to: caller, service: service)
        } catch let error as RegistryError where error.kind == .denied {
            // A disabled namespace, as clients know it: DENIED with 405.
            throw RegistryError(.readOnly, error.message, details: error.details, cause: error.cause)
        }
    }

    private func scopes(_ parameters: [String]) throws -> [RegistryTokenScope] {
        let scopes: [RegistryTokenScope]
        do {
            scopes = try RegistryTokenScope.parse(parameters, hostname: urls.hostname, library: services.site.library)
        } catch .grammar(let text) {
            throw RegistryError(
                .invalidRequest, "The scope is not one of a repository here.",
                details: ["scope": String(text.prefix(255))])
        } catch .name(let text) {
            throw RegistryError(
                .nameInvalid, RepositoryName.Malformed(text: text).message, details: ["name": String(text.prefix(255))])
        }
        guard scopes.count <= Self.maximumScopes else {
            throw RegistryError(.invalidRequest, "At most \(Self.maximumScopes) scopes can be asked for at once.")
        }
        return scopes
    }

    private func form(of request: Request) async throws -> V2Query {
        guard request.headers[.contentType]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true else {
            throw RegistryError(.invalidRequest, "A form must be sent as application/x-www-form-urlencoded.")
        }
        return try V2Query(String(buffer: try await request.body.collect(upTo: Self.maximumFormBytes)))
    }

    private func origin(of request: Request, _ context: AppContext) -> SignInOrigin {
        SignInOrigin(.registry, ip: context.clientAddress, userAgent: request.headers[.userAgent])
    }

    private func response(_ body: Body, _ context: AppContext) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/json", .cacheControl: "no-cache, no-store, must-revalidate"],
            body: ResponseBody(byteBuffer: V2JSON.buffer(body, logger: context.logger)))
    }
}
