import Domain
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import RegistryCore

/// `GET /v2/auth`: exchanges a password or token, sent as HTTP Basic, for a registry token.
///
/// Source: distribution token specification; Quay for the words of refusals.
struct RegistryTokenRoutes: Sendable {
    let services: Registry
    let urls: URLs

    private struct Body: Encodable {
        let token: String
        let access_token: String
        let expires_in: Int
        let issued_at: String
    }

    func respond(to request: Request, context: AppContext) async throws -> Response {
        guard request.method == .get else { throw V2Routes.wrongMethod }
        let query = try V2Query(request.uri.query)
        let scopes = try scopes(query.all("scope"))
        let caller = try await services.basic.caller(request.headers[.authorization])
        let service = query["service"] ?? urls.hostname
        let token: RegistryToken
        do {
            token = try await services.registryTokens.grant(scopes, to: caller, service: service)
        } catch let error as RegistryError where error.kind == .denied {
            // A disabled namespace, as clients know it: DENIED with 405.
            throw RegistryError(.readOnly, error.message, details: error.details, cause: error.cause)
        }
        let body = Body(
            token: token.text, access_token: token.text, expires_in: token.lifetimeSeconds,
            issued_at: token.issued.formatted(.iso8601))
        return Response(
            status: .ok,
            headers: [.contentType: "application/json", .cacheControl: "no-cache, no-store, must-revalidate"],
            body: ResponseBody(byteBuffer: V2JSON.buffer(body, logger: context.logger)))
    }

    private func scopes(_ parameters: [String]) throws -> [RegistryTokenScope] {
        do {
            return try RegistryTokenScope.parse(
                parameters, hostname: urls.hostname, library: services.site.library)
        } catch .grammar(let text) {
            throw RegistryError(
                .invalidRequest, "The scope is not one of a repository here.", details: ["scope": text])
        } catch .name(let text) {
            throw RegistryError(.nameInvalid, RepositoryName.Malformed(text: text).message, details: ["name": text])
        }
    }
}
