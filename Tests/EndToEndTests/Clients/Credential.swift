import Foundation
import TestSupport
import WebRequests

/// Every way in which a client may log in.
enum Credential: String, CaseIterable, Sendable {
    case user, robot, oauthToken, appToken

    /// What the client sends: a name and a password.
    func make(_ registry: LoneRegistry, admin: String) async throws -> (name: String, password: String) {
        switch self {
        case .user: return (LoneRegistry.user, LoneRegistry.password)
        case .oauthToken: return ("$oauthtoken", admin)
        case .robot:
            let path = "/api/v1/user/robots/ci"
            let made = try await registry.api(.put, path, token: admin)
            let robot = made.status == 201 ? made : try await registry.api(.get, path, token: admin)
            struct Reply: Decodable { let name: String, token: String }
            let reply = try JSONDecoder().decode(Reply.self, from: Data(robot.body))
            return (reply.name, reply.token)
        case .appToken:
            let answer = try await registry.api(.post, "/api/v1/user/apptoken", #"{"title":"client"}"#, token: admin)
            struct Reply: Decodable {
                struct Token: Decodable { let token_code: String }
                let token: Token
            }
            return ("$app", try JSONDecoder().decode(Reply.self, from: Data(answer.body)).token.token_code)
        }
    }
}
