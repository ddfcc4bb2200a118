import Domain
import HTTPTypes
import RegistryCore
import Secrets

/// App-specific tokens of the signed-in user: each for one client, shown once.
enum AppTokenRoutes {
    private static let path = "/api/v1/user/apptoken"
    private static let tokenPath = path + "/{token_uuid}"

    static let routes: [APIRoute] = [
        .user(
            .get, path, "listAppTokens", tag: "appspecifictokens", "The application tokens of the user",
            scope: .userAdmin, handler: list
        ).with {
            $0.features = [.appTokens]
            $0.query = [QueryParameter("expiring", .boolean, "Only those that expire soon")]
        },
        .user(
            .post, path, "createAppToken", tag: "appspecifictokens",
            "Creates an application token; only this answer shows its code", scope: .userAdmin, handler: create
        ).with {
            $0.features = [.appTokens]
            $0.body = BodySchema("NewToken", .required("title", .string(), "What people call the token"))
            $0.needsFreshLogin = true
        },
        .user(
            .get, tokenPath, "getAppToken", tag: "appspecifictokens", "One application token, without its code",
            scope: .userAdmin, handler: get
        ).with {
            $0.features = [.appTokens]
            $0.needsFreshLogin = true
        },
        .user(
            .delete, tokenPath, "revokeAppToken", tag: "appspecifictokens", "Ends an application token",
            scope: .userAdmin, handler: revoke
        ).with {
            $0.features = [.appTokens]
            $0.needsFreshLogin = true
            $0.successStatus = 204
        },
    ]

    private static func list(_ request: APIRequest, _ user: UserAccess) async throws -> JSONReply {
        let expiringOnly = request.query.bool("expiring")
        let tokens = try await request.services.appTokens.list(of: user, expiringOnly: expiringOnly)
        return JSONReply(["tokens": .array(tokens.map { .object(view($0)) }), "only_expiring": .bool(expiringOnly)])
    }

    private static func create(_ request: APIRequest, _ user: UserAccess) async throws -> JSONReply {
        let made = try await request.services.appTokens.create(
            request.body["title"]?.string ?? "", for: user, ip: request.clientAddress)
        return JSONReply(["token": .object(view(made.token, code: .string(made.code.text)))])
    }

    private static func get(_ request: APIRequest, _ user: UserAccess) async throws -> JSONReply {
        let token = try await request.services.appTokens.find(request.parameter("token_uuid"), of: user)
        // The key is there for clients that look for it; the code itself is not kept.
        return JSONReply(["token": .object(view(token, code: .null))])
    }

    private static func revoke(_ request: APIRequest, _ user: UserAccess) async throws -> JSONReply {
        try await request.services.appTokens.revoke(
            request.parameter("token_uuid"), of: user, ip: request.clientAddress)
        return .empty
    }

    private static func view(_ token: AppToken, code: JSONValue? = nil) -> [String: JSONValue] {
        var view: [String: JSONValue] = [
            "uuid": .string(token.uuid), "title": .string(token.title),
            "created": .string(RFC2822.text(token.created)),
            "last_accessed": JSONValue(token.lastAccessed.map(RFC2822.text)),
            "expiration": JSONValue(token.expires.map(RFC2822.text)),
        ]
        view["token_code"] = code
        return view
    }
}
