import Domain
package import Foundation
package import SQL

/// All SQL on `delegate_token`.
package enum DelegateTokenStore {
    /// A token with what its check needs: never leaves the core.
    struct Stored: Sendable {
        let grant: DelegateGrant
        let secretCipher: String
    }

    /// A row to be written.
    struct NewToken: Sendable {
        let name: String
        let secretCipher: String
        let friendlyName: String
        let kind: DelegateTokenKind
        let repositoryID: Int64
        let role: RepositoryRole
        let attemptID: Int64?
        let tags: [String]?
        let created: Date
    }

    static func insert(_ token: NewToken, in transaction: any Transaction) throws -> Int64 {
        let tags = try token.tags.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        let id = try transaction.number(
            """
            INSERT INTO delegate_token (name, secret_cipher, friendly_name, kind, repository_id, role, attempt_id,
                tags_json, created_ms)
            VALUES (\(token.name), \(token.secretCipher), \(token.friendlyName), \(token.kind.rawValue),
                \(token.repositoryID), \(token.role.rawValue), \(token.attemptID), \(tags), \(token.created))
            RETURNING id
            """)
        guard let id else { throw DatabaseError(.statement, "A delegate token was not written.") }
        return id
    }

    /// The token of that name while it lives: not revoked, its repository not deleted, its namespace enabled, and its
    /// build's attempt (if it has one) not ended.
    static func live(named name: String, in transaction: any Transaction) throws -> Stored? {
        try transaction.row("\(live) AND token.name = \(name)").map(stored)
    }

    /// The same by number, for a registry token that was made with it.
    static func live(id: Int64, in transaction: any Transaction) throws -> Stored? {
        try transaction.row("\(live) AND token.id = \(id)").map(stored)
    }

    /// What people call a token; nil when it is gone.
    static func friendlyName(id: Int64, in transaction: any Transaction) throws -> String? {
        try transaction.row("SELECT friendly_name FROM delegate_token WHERE id = \(id)")?.text("friendly_name")
    }

    /// Ends every token of an attempt, with the transaction that ends the attempt.
    package static func revoke(attemptID: Int64, at moment: Date, in transaction: any Transaction) throws {
        try transaction.run(
            "UPDATE delegate_token SET revoked_ms = \(moment) WHERE attempt_id = \(attemptID) AND revoked_ms IS NULL")
    }

    package static func revoke(id: Int64, at moment: Date, in transaction: any Transaction) throws {
        try transaction.run("UPDATE delegate_token SET revoked_ms = \(moment) WHERE id = \(id) AND revoked_ms IS NULL")
    }

    private static let live: Query = """
        SELECT token.id, token.repository_id, token.role, token.attempt_id, token.tags_json, token.secret_cipher
        FROM delegate_token AS token
            JOIN repository ON repository.id = token.repository_id
            JOIN account AS namespace ON namespace.id = repository.namespace_id
            LEFT JOIN build_attempt AS attempt ON attempt.id = token.attempt_id
        WHERE token.revoked_ms IS NULL AND repository.state <> \(Repository.State.markedForDeletion.rawValue)
            AND namespace.enabled = 1
            AND (token.attempt_id IS NULL OR (attempt.id IS NOT NULL AND attempt.ended_ms IS NULL))
        """

    private static func stored(_ row: Row) throws -> Stored {
        guard let role = RepositoryRole(rawValue: try row.text("role")) else {
            throw DatabaseError(.decoding, "Delegate token \(try row.integer("id")) has an unknown role.")
        }
        let tags = try row.textIfAny("tags_json").map { try JSONDecoder().decode([String].self, from: Data($0.utf8)) }
        return Stored(
            grant: DelegateGrant(
                tokenID: try row.integer("id"), repositoryID: try row.integer("repository_id"), role: role,
                attemptID: try row.integerIfAny("attempt_id"), tags: tags),
            secretCipher: try row.text("secret_cipher"))
    }
}

/// What a delegate token is for.
package enum DelegateTokenKind: String, Sendable, Hashable {
    /// A builder's: dies with its attempt.
    case buildWorker = "build-worker"
    /// A webhook's or another long-lived one.
    case pushPull = "pushpull-token"
}
