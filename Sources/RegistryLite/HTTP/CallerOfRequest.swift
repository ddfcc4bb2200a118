import Domain
import HTTPTypes
import Hummingbird
import RegistryCore
import Secrets

/// Finds out who sent a request to a part of the site that is neither `/v2` nor the API: by OAuth token or session.
struct CallerOfRequest: Sendable {
    let services: Registry
    let site: Site

    /// Whether there is anything to look at.
    func hasCredentials(_ request: Request) -> Bool {
        request.headers[.authorization] != nil || request.headers[.cookie] != nil
    }

    /// Errors: `.badCredentials` and `.expiredToken` for a token that is not good.
    func caller(of request: Request) async throws -> Caller {
        if let bearer = request.headers[.authorization].flatMap(BearerCredentials.token(inHeader:)) {
            return try await services.bearer.caller(token: bearer)
        }
        let cookies = SessionCookies(site: site, sessions: services.sessions)
        if case .signedIn(let signedIn) = try await cookies.session(of: request) { return signedIn.caller }
        return .anonymous
    }
}
