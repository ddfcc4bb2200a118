package import Domain
package import Foundation
package import SQL

/// All SQL on `immutability_policy`: the patterns of names that nobody may move or delete in a repository.
package enum ImmutabilityStore {
    /// A pattern, and how the API names it.
    package struct Policy: Sendable, Hashable {
        package let uuid: String
        package let pattern: TagPattern
    }

    /// The repository's policies, oldest first.
    package static func policies(
        inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> [Policy] {
        try transaction.rows(
            "SELECT uuid, pattern FROM immutability_policy WHERE repository_id = \(repositoryID) ORDER BY id"
        ).map(policy)
    }

    /// The policy of that uuid in the repository: one of another repository is not found.
    package static func find(
        _ uuid: String, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> Policy? {
        try transaction.row(
            "SELECT uuid, pattern FROM immutability_policy WHERE repository_id = \(repositoryID) AND uuid = \(uuid)"
        ).map(policy)
    }

    /// Answers whether it was written: a pattern is there at most once.
    package static func insert(
        _ policy: Policy, inRepository repositoryID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            INSERT INTO immutability_policy (uuid, repository_id, pattern, created_ms)
            VALUES (\(policy.uuid), \(repositoryID), \(policy.pattern.text), \(now))
            ON CONFLICT (repository_id, pattern) DO NOTHING
            """) > 0
    }

    package static func delete(
        _ uuid: String, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws {
        try transaction.run(
            "DELETE FROM immutability_policy WHERE repository_id = \(repositoryID) AND uuid = \(uuid)")
    }

    private static func policy(_ row: Row) throws -> Policy {
        let text = try row.text("pattern")
        do { return Policy(uuid: try row.text("uuid"), pattern: try TagPattern(text)) } catch is TagPattern.Malformed {
            throw DatabaseError(.decoding, "The immutability policy \(try row.text("uuid")) has a broken pattern.")
        }
    }
}
