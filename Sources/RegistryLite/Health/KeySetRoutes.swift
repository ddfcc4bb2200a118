import Domain
import HTTPTypes
import Hummingbird
import RegistryCore
import Secrets

/// The public keys that registry tokens are verified with: `/keys/services/{service}/keys[/{kid}]`.
struct KeySetRoutes: Sendable {
    let keys: ServiceKeys

    func respond(to request: Request, context: AppContext) async throws -> Response {
        let path = request.uri.path.split(separator: "/").map(String.init)
        guard request.method == .get, path.count == 4 || path.count == 5, path[1] == "services",
            path[2] == keys.service,
            path[3] == "keys"
        else { return APIError.plain("Not Found", status: .notFound, logger: context.logger) }
        let all = try await keys.publicKeys().map { key -> JSONValue in
            [
                "kty": .string(key.kty), "kid": .string(key.kid), "n": .string(key.n), "e": .string(key.e),
                "use": .string(key.use), "alg": .string(key.alg),
            ]
        }
        guard path.count == 5 else {
            return JSONReply.response(["keys": .array(all)], status: .ok, headers: [:], logger: context.logger)
        }
        guard let key = all.first(where: { $0["kid"]?.string == path[4] }) else {
            return APIError.plain("Not Found", status: .notFound, logger: context.logger)
        }
        return JSONReply.response(key, status: .ok, headers: [:], logger: context.logger)
    }
}
