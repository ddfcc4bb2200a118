import Domain
package import Foundation
import SQL

/// A browser's session: who signed in with it, and the token that its changes must carry.
package struct Session: Sendable, Hashable {
    /// The SHA-256 of the cookie's secret: the secret itself is not kept.
    package let id: String
    /// nil until somebody signs in.
    package let accountID: Int64?
    /// The account's generation at sign-in; another one ends the session.
    package let generation: Int64
    package let csrfToken: String
    package let created: Date
    /// When a password was last given; nil until somebody signs in.
    package let signedIn: Date?
    package let expires: Date

    package init(
        id: String, accountID: Int64?, generation: Int64, csrfToken: String, created: Date, signedIn: Date?,
        expires: Date
    ) {
        self.id = id
        self.accountID = accountID
        self.generation = generation
        self.csrfToken = csrfToken
        self.created = created
        self.signedIn = signedIn
        self.expires = expires
    }
}

/// All SQL on `session`.
enum SessionStore {
    static func insert(_ session: Session, in transaction: any Transaction) throws {
        try transaction.run(
            """
            INSERT INTO session (id, account_id, generation, csrf_token, created_ms, signed_in_ms, expires_ms)
            VALUES (\(session.id), \(session.accountID), \(session.generation), \(session.csrfToken),
                \(session.created), \(session.signedIn), \(session.expires))
            """)
    }

    /// The session of that id while it lives: not expired, and its account enabled and of the same generation.
    static func live(_ id: String, at moment: Date, in transaction: any Transaction) throws -> Session? {
        try transaction.row(
            """
            SELECT session.id, session.account_id, session.generation, session.csrf_token, session.created_ms,
                session.signed_in_ms, session.expires_ms
            FROM session LEFT JOIN account ON account.id = session.account_id
            WHERE session.id = \(id) AND session.expires_ms > \(moment)
                AND (session.account_id IS NULL OR (account.generation = session.generation AND account.enabled = 1))
            """
        ).map { row in
            Session(
                id: try row.text("id"), accountID: try row.integerIfAny("account_id"),
                generation: try row.integer("generation"), csrfToken: try row.text("csrf_token"),
                created: try row.date("created_ms"), signedIn: try row.dateIfAny("signed_in_ms"),
                expires: try row.date("expires_ms"))
        }
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM session WHERE id = \(id)")
    }

    static func setSignedIn(_ id: String, at moment: Date, in transaction: any Transaction) throws {
        try transaction.run("UPDATE session SET signed_in_ms = \(moment) WHERE id = \(id)")
    }

    /// Removes what has expired, and sessions whose account has moved on; answers how many.
    static func deleteDead(at moment: Date, in transaction: any Transaction) throws -> Int {
        try transaction.run(
            """
            DELETE FROM session WHERE expires_ms <= \(moment) OR EXISTS
                (SELECT 1 FROM account WHERE account.id = session.account_id AND account.generation <> session.generation)
            """)
    }
}
