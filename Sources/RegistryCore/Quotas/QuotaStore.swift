package import Domain
package import SQL

/// All SQL on `quota` and `quota_limit`.
package enum QuotaStore {
    /// The namespace's own quota.
    package static func find(namespaceID: Int64, in transaction: any Transaction) throws -> Quota? {
        guard
            let row = try transaction.row(
                "SELECT id, limit_bytes, limit_tags FROM quota WHERE namespace_id = \(namespaceID)")
        else { return nil }
        let id = try row.integer("id")
        let limits = try transaction.rows(
            "SELECT id, kind, percent FROM quota_limit WHERE quota_id = \(id) ORDER BY percent, kind"
        ).map(limit)
        return Quota(
            id: id, limitBytes: try row.integer("limit_bytes"), limitTags: try row.integerIfAny("limit_tags"),
            limits: limits)
    }

    /// Answers the new row's number; nil when the namespace has a quota already.
    static func insert(
        limitBytes: Int64, limitTags: Int64?, namespaceID: Int64, in transaction: any Transaction
    ) throws -> Int64? {
        try transaction.number(
            """
            INSERT INTO quota (namespace_id, limit_bytes, limit_tags)
            VALUES (\(namespaceID), \(limitBytes), \(limitTags))
            ON CONFLICT (namespace_id) DO NOTHING RETURNING id
            """)
    }

    static func update(
        _ id: Int64, limitBytes: Int64, limitTags: Int64?, in transaction: any Transaction
    ) throws {
        try transaction.run(
            "UPDATE quota SET limit_bytes = \(limitBytes), limit_tags = \(limitTags) WHERE id = \(id)")
    }

    static func delete(_ id: Int64, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM quota WHERE id = \(id)")
    }

    /// Answers whether it is new: the quota has no such limit yet.
    static func insert(
        _ kind: QuotaLimit.Kind, percent: Int, quotaID: Int64, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            INSERT INTO quota_limit (quota_id, kind, percent) VALUES (\(quotaID), \(kind.rawValue), \(percent))
            ON CONFLICT (quota_id, kind, percent) DO NOTHING
            """) == 1
    }

    static func update(
        limit id: Int64, kind: QuotaLimit.Kind, percent: Int, in transaction: any Transaction
    ) throws {
        try transaction.run(
            "UPDATE quota_limit SET kind = \(kind.rawValue), percent = \(percent) WHERE id = \(id)")
    }

    static func delete(limit id: Int64, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM quota_limit WHERE id = \(id)")
    }

    private static func limit(_ row: Row) throws -> QuotaLimit {
        let text = try row.text("kind")
        guard let kind = QuotaLimit.Kind(rawValue: text) else {
            throw DatabaseError(.decoding, "A quota has a limit of the unknown kind \(text).")
        }
        return QuotaLimit(id: try row.integer("id"), kind: kind, percent: try row.int("percent"))
    }
}
