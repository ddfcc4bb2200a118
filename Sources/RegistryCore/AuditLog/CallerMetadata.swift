import Domain
import SQL

/// The keys by which an entry of the usage log about a push or a pull tells who came, and by which credential.
///
/// Source: Quay, log entry kinds. What has been deleted meanwhile is left out.
enum CallerMetadata {
    static func keys(of caller: Caller, in transaction: any Transaction) throws -> [String: String] {
        var keys: [String: String] = [:]
        switch caller.identity {
        case .anonymous: break
        case .user(_, let name): keys["username"] = name.text
        case .robot(_, let name): (keys["username"], keys["is_robot"]) = (name.text, "true")
        case .repositoryToken(let grant):
            keys["token"] = try DelegateTokenStore.friendlyName(id: grant.tokenID, in: transaction)
        }
        switch caller.credential {
        case .oauthToken(let id):
            keys["oauth_token_id"] = String(id)
            if let application = try OAuthApplicationStore.application(ofToken: id, in: transaction) {
                keys["oauth_token_application_id"] = application.clientID
                keys["oauth_token_application"] = application.name
            }
        case .appToken(let id):
            if let token = try AppTokenStore.find(id: id, in: transaction) {
                keys["app_specific_token"] = token.uuid
                keys["app_specific_token_title"] = token.title
            }
        case .none, .password, .encryptedPassword, .session, .robotToken, .delegateToken: break
        }
        return keys
    }
}
