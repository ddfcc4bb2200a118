package import Domain
package import Foundation
package import SQL

/// All SQL on `account` as accounts; namespaces and robots have stores of their own beside it.
package enum AccountStore {
    /// A row to be written; the engine gives the number.
    package struct NewAccount: Sendable {
        package var uuid: String
        package var name: String
        package var kind: Account.Kind
        package var passwordHash: String?
        package var email: EmailAddress?
        package var isVerified = false
        package var isSuperuser = false
        /// How long removed tags stay restorable; DEFAULT_TAG_EXPIRATION.
        package var timeMachine: TimeMachine
        /// How many builds may wait or run at once; nil for any number.
        package var maximumQueuedBuilds: Int?
        package var created: Date

        package init(
            uuid: String, name: String, kind: Account.Kind, passwordHash: String? = nil, email: EmailAddress? = nil,
            timeMachine: TimeMachine = .standard, maximumQueuedBuilds: Int? = nil, created: Date
        ) {
            self.uuid = uuid
            self.name = name
            self.kind = kind
            self.passwordHash = passwordHash
            self.email = email
            self.timeMachine = timeMachine
            self.maximumQueuedBuilds = maximumQueuedBuilds
            self.created = created
        }
    }

    /// What a check of a password needs: never leaves the core.
    struct Login: Sendable {
        let account: Account
        let passwordHash: String?
        let throttle: LoginThrottle
    }

    /// Writes an account and answers its number; nil when the name or the e-mail address is taken.
    package static func insert(_ account: NewAccount, in transaction: any Transaction) throws -> Int64? {
        try transaction.number(
            """
            INSERT INTO account (uuid, name, kind, password_hash, email, verified, superuser,
                removed_tag_expiration_s, maximum_queued_builds_count, created_ms)
            VALUES (\(account.uuid), \(account.name), \(account.kind.rawValue), \(account.passwordHash),
                \(account.email?.text), \(account.isVerified), \(account.isSuperuser),
                \(account.timeMachine.seconds), \(account.maximumQueuedBuilds), \(account.created))
            ON CONFLICT DO NOTHING RETURNING id
            """)
    }

    package static func find(id: Int64, in transaction: any Transaction) throws -> Account? {
        try transaction.row("\(columns) WHERE id = \(id)").map(account)
    }

    /// The account of exactly that name, of whatever kind.
    package static func find(name: String, in transaction: any Transaction) throws -> Account? {
        try transaction.row("\(columns) WHERE name = \(name)").map(account)
    }

    package static func find(email: EmailAddress, in transaction: any Transaction) throws -> Account? {
        try transaction.row("\(columns) WHERE email = \(email.text)").map(account)
    }

    /// The user of that name or e-mail address with what a password check needs; robots and organizations have none.
    static func login(_ nameOrEmail: String, in transaction: any Transaction) throws -> Login? {
        let row =
            if nameOrEmail.contains("@") {
                try transaction.row(
                    "\(columns) WHERE email = \(nameOrEmail.lowercased()) AND kind = 'user'")
            } else {
                try transaction.row("\(columns) WHERE name = \(nameOrEmail) AND kind = 'user'")
            }
        return try row.map {
            Login(
                account: try account($0), passwordHash: try $0.textIfAny("password_hash"),
                throttle: LoginThrottle(
                    failures: try $0.int("invalid_login_attempts"),
                    lastFailure: try $0.dateIfAny("last_invalid_login_ms"))
            )
        }
    }

    /// How long the namespace keeps removed tags; nil when there is no such account.
    package static func timeMachine(ofNamespace id: Int64, in transaction: any Transaction) throws -> TimeMachine? {
        try transaction.row("SELECT removed_tag_expiration_s FROM account WHERE id = \(id)").map {
            TimeMachine(seconds: try $0.int("removed_tag_expiration_s"))
        }
    }

    static func setTimeMachine(
        ofNamespace id: Int64, to timeMachine: TimeMachine, in transaction: any Transaction
    ) throws {
        try transaction.run(
            "UPDATE account SET removed_tag_expiration_s = \(timeMachine.seconds) WHERE id = \(id)")
    }

    package static func hasUsers(in transaction: any Transaction) throws -> Bool {
        try transaction.row("SELECT id FROM account WHERE kind = 'user' LIMIT 1") != nil
    }

    static func recordWrongPassword(_ id: Int64, at moment: Date, in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE account SET invalid_login_attempts = invalid_login_attempts + 1, last_invalid_login_ms = \(moment)
            WHERE id = \(id)
            """)
    }

    static func recordRightPassword(_ id: Int64, at moment: Date, in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE account SET invalid_login_attempts = 0, last_invalid_login_ms = NULL, last_accessed_ms = \(moment)
            WHERE id = \(id)
            """)
    }

    /// Ends every session and registry token of an account.
    static func raiseGeneration(_ id: Int64, in transaction: any Transaction) throws {
        try transaction.run("UPDATE account SET generation = generation + 1 WHERE id = \(id)")
    }

    /// A new password: wrong attempts are forgotten, sessions and registry tokens end.
    static func setPassword(_ id: Int64, hash: String, in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE account SET password_hash = \(hash), generation = generation + 1, invalid_login_attempts = 0,
                last_invalid_login_ms = NULL WHERE id = \(id)
            """)
    }

    private static let columns: Query = """
        SELECT id, uuid, name, kind, password_hash, email, verified, enabled, superuser, generation,
            invalid_login_attempts, last_invalid_login_ms, removed_tag_expiration_s, given_name, family_name, company,
            location, created_ms, last_accessed_ms
        FROM account
        """

    private static func account(_ row: Row) throws -> Account {
        guard let kind = Account.Kind(rawValue: try row.text("kind")) else {
            throw DatabaseError(.decoding, "Account \(try row.integer("id")) is of an unknown kind.")
        }
        return Account(
            id: try row.integer("id"), uuid: try row.text("uuid"), name: try row.text("name"), kind: kind,
            email: try row.textIfAny("email"), isVerified: try row.bool("verified"), isEnabled: try row.bool("enabled"),
            isSuperuser: try row.bool("superuser"), generation: try row.integer("generation"),
            tagExpirationSeconds: try row.int("removed_tag_expiration_s"),
            profile: Account.Profile(
                givenName: try row.textIfAny("given_name"), familyName: try row.textIfAny("family_name"),
                company: try row.textIfAny("company"), location: try row.textIfAny("location")),
            created: try row.date("created_ms"), lastAccessed: try row.dateIfAny("last_accessed_ms"))
    }
}
