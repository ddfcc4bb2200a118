import Domain
import HTTPTypes
import Hummingbird
import RegistryCore
import Secrets

/// The public keys that registry tokens are verified with: `/keys/services/{service}/keys[/{kid}]`, for everybody.
///
/// Verifiers may keep an answer for a minute: a new key signs nothing before that.
struct KeySetRoutes: Sendable {
    private static let cacheControl = "public, max-age=\(Int(ServiceKeys.publicationLead))"
    let keys: ServiceKeys

    func respond(to request: Request, context: AppContext) async throws -> Response {
        let response = try await answer(request, context)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request, _ context: AppContext) async throws -> Response {
        let path = request.uri.path.split(separator: "/").map(String.init)
        guard path.count == 4 || path.count == 5, path[1] == "services", path[2] == keys.service, path[3] == "keys"
        else { return APIError.plain("Not Found", status: .notFound, logger: context.logger) }
        guard request.method == .get || request.method == .head else {
            var response = APIError.plain("Method not allowed", status: .methodNotAllowed, logger: context.logger)
            response.headers[.allow] = "GET, HEAD"
            return response
        }
        let all = try await keys.publicKeys().map { key -> JSONValue in
            [
                "kty": .string(key.kty), "kid": .string(key.kid), "n": .string(key.n), "e": .string(key.e),
                "use": .string(key.use), "alg": .string(key.alg),
            ]
        }
        let headers: HTTPFields = [.cacheControl: Self.cacheControl]
        guard path.count == 5 else {
            return JSONReply.response(["keys": .array(all)], status: .ok, headers: headers, logger: context.logger)
        }
        guard let key = all.first(where: { $0["kid"]?.string == path[4] }) else {
            return APIError.plain("Not Found", status: .notFound, logger: context.logger)
        }
        return JSONReply.response(key, status: .ok, headers: headers, logger: context.logger)
    }
}
