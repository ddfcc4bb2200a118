package import Domain
package import Foundation
package import OCI
package import SQL

/// All SQL on `tag`. A row is one period in which a name pointed at one manifest; it is alive from its start until its end.
package enum TagStore {
    /// One alive tag.
    package struct Pointer: Sendable, Hashable {
        package let id: Int64
        package let name: String
        package let manifestID: Int64
        package let digest: Digest
        package let start: Date
        package let end: Date?
    }

    /// The tag of that name that is alive at `now`.
    package static func alive(
        _ name: TagName, inRepository repositoryID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> Pointer? {
        try transaction.row(
            """
            SELECT tag.id, tag.name, tag.manifest_id, tag.lifetime_start_ms, tag.lifetime_end_ms, manifest.digest
            FROM tag JOIN manifest ON manifest.id = tag.manifest_id
            WHERE tag.repository_id = \(repositoryID) AND tag.name = \(name.text)
                AND (tag.lifetime_end_ms IS NULL OR tag.lifetime_end_ms > \(now))
            ORDER BY tag.lifetime_start_ms DESC, tag.id DESC LIMIT 1
            """
        ).map(pointer)
    }

    /// Whether the name was alive once.
    package static func existed(
        _ name: TagName, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.row(
            "SELECT 1 AS found FROM tag WHERE repository_id = \(repositoryID) AND name = \(name.text) LIMIT 1") != nil
    }

    /// The visible names alive at `now`, in byte order, from the one after `last` on; at most `limit`.
    package static func names(
        inRepository repositoryID: Int64, after last: String, limit: Int, at now: Date, in transaction: any Transaction
    ) throws -> [String] {
        let ordered: Query = transaction.dialect == .postgres ? "tag.name COLLATE \"C\"" : "tag.name"
        return try transaction.rows(
            """
            SELECT DISTINCT \(ordered) AS name FROM tag
            WHERE tag.repository_id = \(repositoryID) AND tag.hidden = 0 AND \(ordered) > \(last)
                AND (tag.lifetime_end_ms IS NULL OR tag.lifetime_end_ms > \(now))
            ORDER BY 1 LIMIT \(limit)
            """
        ).map { try $0.text("name") }
    }

    /// Ends every alive row of the name at `now`; answers how many there were.
    @discardableResult
    package static func end(
        _ name: TagName, inRepository repositoryID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> Int {
        try transaction.run(
            """
            UPDATE tag SET lifetime_end_ms = \(now) WHERE repository_id = \(repositoryID) AND name = \(name.text)
                AND (lifetime_end_ms IS NULL OR lifetime_end_ms > \(now))
            """)
    }

    /// Ends every alive row that points at a manifest, hidden ones too; answers the visible names.
    package static func end(
        pointingAt manifestID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> [String] {
        try transaction.rows(
            """
            UPDATE tag SET lifetime_end_ms = \(now) WHERE manifest_id = \(manifestID)
                AND (lifetime_end_ms IS NULL OR lifetime_end_ms > \(now))
            RETURNING name, hidden
            """
        ).compactMap { try $0.bool("hidden") ? nil : try $0.text("name") }
    }

    /// Begins a row at `now`, alive until it is moved or deleted.
    package static func begin(
        _ name: TagName, at manifestID: Int64, inRepository repositoryID: Int64, now: Date,
        in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO tag (repository_id, name, manifest_id, lifetime_start_ms)
            VALUES (\(repositoryID), \(name.text), \(manifestID), \(now))
            """)
    }

    /// Keeps a manifest that no tag names until `end`: a hidden row, never listed.
    package static func keep(
        _ manifestID: Int64, hiddenName: String, inRepository repositoryID: Int64, from now: Date, until end: Date,
        in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO tag (repository_id, name, manifest_id, lifetime_start_ms, lifetime_end_ms, hidden)
            VALUES (\(repositoryID), \(hiddenName), \(manifestID), \(now), \(end), 1)
            """)
    }

    private static func pointer(_ row: Row) throws -> Pointer {
        Pointer(
            id: try row.integer("id"), name: try row.text("name"), manifestID: try row.integer("manifest_id"),
            digest: try Digest(try row.text("digest")), start: try row.date("lifetime_start_ms"),
            end: try row.dateIfAny("lifetime_end_ms"))
    }
}
