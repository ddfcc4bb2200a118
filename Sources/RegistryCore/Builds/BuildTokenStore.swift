import Domain
package import Foundation
package import SQL

/// The SQL on `delegate_token` for builds: each attempt's `$token` is its own and dies with it.
package enum BuildTokenStore {
    /// What a new token is made of.
    package struct NewToken: Sendable {
        /// 32 characters each: the password that a builder uses is `name` + `secret`.
        package let name: String
        package let secretCipher: String

        package init(name: String, secretCipher: String) {
            self.name = name
            self.secretCipher = secretCipher
        }
    }

    /// Adds a token that may write `tags`, and nothing else, in one repository while its attempt is live.
    package static func insert(
        _ token: NewToken, attemptID: Int64, repositoryID: Int64, tags: [String], at now: Date,
        in transaction: any Transaction
    ) throws {
        let tags = String(decoding: try JSONEncoder.sorted.encode(tags), as: UTF8.self)
        try transaction.run(
            """
            INSERT INTO delegate_token (name, secret_cipher, friendly_name, kind, repository_id, role, attempt_id, tags_json,
                created_ms)
            VALUES (\(token.name), \(token.secretCipher), 'Repository Build Token', 'build-worker', \(repositoryID),
                \(RepositoryRole.write.rawValue), \(attemptID), \(tags), \(now))
            """)
    }

    /// Takes back every token of an attempt.
    package static func revokeAll(ofAttempt id: Int64, at now: Date, in transaction: any Transaction) throws {
        try transaction.run(
            "UPDATE delegate_token SET revoked_ms = \(now) WHERE attempt_id = \(id) AND revoked_ms IS NULL")
    }
}
