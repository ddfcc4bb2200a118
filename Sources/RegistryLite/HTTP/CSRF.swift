import HTTPTypes
import RegistryCore
import Secrets

/// The rule that a change made with a session must carry the session's token. Source: Quay, CSRF.
enum CSRF {
    static let requestHeader = "X-CSRF-Token"
    /// Where the next token stands after a sign-in: clients must use it from then on.
    static let nextHeader = "X-Next-CSRF-Token"
    static let parameter = "_csrf_token"
    static let refusal = "CSRF token was invalid or missing."

    /// Whether a request of `method` is allowed with what came along.
    static func allows(_ method: HTTPRequest.Method, token: String?, session: Session?) -> Bool {
        if [.get, .head, .options].contains(method) { return true }
        guard let token, let session else { return false }
        return constantTimeEquals(token.utf8, session.csrfToken.utf8)
    }
}
