package import Domain
package import Foundation
import SQL

/// A robot account without its token.
package struct Robot: Sendable, Hashable {
    package let id: Int64
    package let name: RobotName
    package let ownerID: Int64
    package let description: String
    /// A JSON object as the creator sent it.
    package let metadataJSON: String
    package let created: Date
    package let lastAccessed: Date?
}

/// All SQL on `robot`, with the account row of each.
package enum RobotStore {
    /// A robot with what its checks need: never leaves the core.
    struct Stored: Sendable {
        let robot: Robot
        let accountUUID: String
        let generation: Int64
        let tokenCipher: String
        /// Neither the robot nor its owner is disabled.
        let isEnabled: Bool
    }

    static func find(_ name: RobotName, in transaction: any Transaction) throws -> Stored? {
        try transaction.row("\(columns) WHERE account.name = \(name.text)").map(stored)
    }

    static func find(id: Int64, in transaction: any Transaction) throws -> Stored? {
        try transaction.row("\(columns) WHERE account.id = \(id)").map(stored)
    }

    /// The robots of a namespace by name; at most `limit` when given.
    static func list(ownerID: Int64, limit: Int?, in transaction: any Transaction) throws -> [Stored] {
        let all: Query = "\(columns) WHERE robot.owner_id = \(ownerID) ORDER BY account.name"
        return try transaction.rows(limit.map { all + "LIMIT \($0)" } ?? all).map(stored)
    }

    static func insert(
        accountID: Int64, ownerID: Int64, tokenCipher: String, description: String, metadataJSON: String,
        in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO robot (account_id, owner_id, token_cipher, description, metadata_json)
            VALUES (\(accountID), \(ownerID), \(tokenCipher), \(description), \(metadataJSON))
            """)
    }

    static func setToken(_ accountID: Int64, cipher: String, in transaction: any Transaction) throws {
        try transaction.run("UPDATE robot SET token_cipher = \(cipher) WHERE account_id = \(accountID)")
        try AccountStore.raiseGeneration(accountID, in: transaction)
    }

    /// Removes a robot with its permissions and memberships.
    static func delete(_ accountID: Int64, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM account WHERE id = \(accountID) AND kind = 'robot'")
    }

    static func touch(_ accountID: Int64, at moment: Date, in transaction: any Transaction) throws {
        try transaction.run("UPDATE account SET last_accessed_ms = \(moment) WHERE id = \(accountID)")
    }

    private static let columns: Query = """
        SELECT account.id, account.uuid, account.name, account.generation, account.created_ms, account.last_accessed_ms,
            account.enabled, owner.enabled AS owner_enabled, robot.owner_id, robot.token_cipher, robot.description,
            robot.metadata_json
        FROM account JOIN robot ON robot.account_id = account.id JOIN account AS owner ON owner.id = robot.owner_id
        """

    private static func stored(_ row: Row) throws -> Stored {
        Stored(
            robot: Robot(
                id: try row.integer("id"), name: try RobotName(try row.text("name")),
                ownerID: try row.integer("owner_id"), description: try row.text("description"),
                metadataJSON: try row.text("metadata_json"), created: try row.date("created_ms"),
                lastAccessed: try row.dateIfAny("last_accessed_ms")),
            accountUUID: try row.text("uuid"), generation: try row.integer("generation"),
            tokenCipher: try row.text("token_cipher"),
            isEnabled: try row.bool("enabled") && row.bool("owner_enabled"))
    }
}
