package import Domain
package import Foundation
package import SQL

/// One OAuth access token as its checks need it.
package struct OAuthToken: Sendable, Hashable {
    package let id: Int64
    package let uuid: String
    package let accountID: Int64
    package let scope: String
    /// Of the whole token's secret part; the token itself is shown once and never stored.
    package let secretHash: String
    package let expires: Date
}

/// All SQL on `oauth_token`.
package enum OAuthTokenStore {
    package static func find(name: String, in transaction: any Transaction) throws -> OAuthToken? {
        try transaction.row("\(columns) WHERE token_name = \(name)").map(token)
    }

    package static func find(id: Int64, in transaction: any Transaction) throws -> OAuthToken? {
        try transaction.row("\(columns) WHERE id = \(id)").map(token)
    }

    /// A row to be written.
    package struct NewToken: Sendable {
        package let uuid: String
        package let applicationID: Int64
        package let accountID: Int64
        package let scope: ScopeSet
        package let name: String
        package let secretHash: String
        package let created: Date
        package let expires: Date
    }

    package static func insert(_ token: NewToken, in transaction: any Transaction) throws {
        try transaction.run(
            """
            INSERT INTO oauth_token (uuid, application_id, account_id, scope, token_name, token_hash, created_ms, expires_ms)
            VALUES (\(token.uuid), \(token.applicationID), \(token.accountID), \(token.scope.text), \(token.name),
                \(token.secretHash), \(token.created), \(token.expires))
            """)
    }

    private static let columns: Query =
        "SELECT id, uuid, account_id, scope, token_hash, expires_ms FROM oauth_token"

    private static func token(_ row: Row) throws -> OAuthToken {
        OAuthToken(
            id: try row.integer("id"), uuid: try row.text("uuid"), accountID: try row.integer("account_id"),
            scope: try row.text("scope"), secretHash: try row.text("token_hash"), expires: try row.date("expires_ms"))
    }
}
