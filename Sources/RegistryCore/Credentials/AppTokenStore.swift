import Domain
package import Foundation
package import SQL

/// An app-specific token as its owner sees it: without its secret, which is shown once and kept as a hash.
package struct AppToken: Sendable, Hashable {
    package let id: Int64
    package let uuid: String
    package let accountID: Int64
    package let title: String
    package let created: Date
    package let lastAccessed: Date?
    /// From here on the token is refused; nil for one that does not expire.
    package let expires: Date?

    /// Whether the token may be used at `moment`.
    package func isLive(at moment: Date) -> Bool { expires.map { $0 > moment } ?? true }
}

/// All SQL on `app_token`.
package enum AppTokenStore {
    /// A token with what its check needs: never leaves the core.
    struct Stored: Sendable {
        let token: AppToken
        let secretHash: String
    }

    /// A row to be written.
    struct NewToken: Sendable {
        let uuid: String
        let accountID: Int64
        let title: String
        let name: String
        let secretHash: String
        let created: Date
        let expires: Date?
    }

    static func insert(_ token: NewToken, in transaction: any Transaction) throws -> AppToken {
        let row = try transaction.row(
            """
            INSERT INTO app_token (uuid, account_id, title, token_name, token_hash, created_ms, expires_ms)
            VALUES (\(token.uuid), \(token.accountID), \(token.title), \(token.name), \(token.secretHash),
                \(token.created), \(token.expires))
            RETURNING id, uuid, account_id, title, token_hash, created_ms, last_accessed_ms, expires_ms
            """)
        guard let row else { throw DatabaseError(.statement, "An app token was not written.") }
        return try stored(row).token
    }

    static func find(name: String, in transaction: any Transaction) throws -> Stored? {
        try transaction.row("\(columns) WHERE token_name = \(name)").map(stored)
    }

    package static func find(id: Int64, in transaction: any Transaction) throws -> AppToken? {
        try transaction.row("\(columns) WHERE id = \(id)").map(stored)?.token
    }

    /// The token of that uuid, if it is the account's.
    static func find(uuid: String, accountID: Int64, in transaction: any Transaction) throws -> AppToken? {
        try transaction.row("\(columns) WHERE uuid = \(uuid) AND account_id = \(accountID)").map(stored)?.token
    }

    /// The tokens of an account, newest first; those that expire before `limit` only, when it is given.
    static func list(
        accountID: Int64, expiringBefore limit: Date?, in transaction: any Transaction
    ) throws -> [AppToken] {
        let own: Query = "\(columns) WHERE account_id = \(accountID)"
        let chosen = limit.map { own + "AND expires_ms IS NOT NULL AND expires_ms <= \($0)" } ?? own
        return try transaction.rows(chosen + "ORDER BY created_ms DESC, id DESC").map { try stored($0).token }
    }

    static func delete(id: Int64, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM app_token WHERE id = \(id)")
    }

    /// Removes what expired before `moment`; answers how many.
    static func deleteExpired(before moment: Date, in transaction: any Transaction) throws -> Int {
        try transaction.run("DELETE FROM app_token WHERE expires_ms IS NOT NULL AND expires_ms < \(moment)")
    }

    static func touch(_ id: Int64, at moment: Date, in transaction: any Transaction) throws {
        try transaction.run("UPDATE app_token SET last_accessed_ms = \(moment) WHERE id = \(id)")
    }

    private static let columns: Query = """
        SELECT id, uuid, account_id, title, token_hash, created_ms, last_accessed_ms, expires_ms FROM app_token
        """

    private static func stored(_ row: Row) throws -> Stored {
        Stored(
            token: AppToken(
                id: try row.integer("id"), uuid: try row.text("uuid"), accountID: try row.integer("account_id"),
                title: try row.text("title"), created: try row.date("created_ms"),
                lastAccessed: try row.dateIfAny("last_accessed_ms"), expires: try row.dateIfAny("expires_ms")),
            secretHash: try row.text("token_hash"))
    }
}
