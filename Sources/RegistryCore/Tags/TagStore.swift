package import Domain
package import Foundation
package import OCI
package import SQL

/// The SQL that moves tags. A row of `tag` is one period in which a name pointed at one manifest; it is alive from its
/// start until its end. Lists and history are in ``TagHistoryStore``.
///
/// `is_current` marks the last row of a name until it is moved or deleted, so that one tag is found, and the alive ones
/// are listed, without looking at history. A tag that has expired is still current: its end says that it is not alive.
package enum TagStore {
    /// One alive tag.
    package struct Pointer: Sendable, Hashable {
        package let id: Int64
        package let name: String
        package let manifestID: Int64
        package let digest: Digest
        package let lifetime: TagLifetime
        /// Its own mark; the repository's policies may protect it besides.
        package let isImmutable: Bool
    }

    /// A row to be written.
    package struct Begin: Sendable, Hashable {
        package let name: TagName
        package let manifestID: Int64
        package let repositoryID: Int64
        package let lifetime: TagLifetime
        /// Whether a restore makes it.
        package let isReversion: Bool

        package init(
            _ name: TagName, at manifestID: Int64, inRepository repositoryID: Int64, for lifetime: TagLifetime,
            isReversion: Bool = false
        ) {
            self.name = name
            self.manifestID = manifestID
            self.repositoryID = repositoryID
            self.lifetime = lifetime
            self.isReversion = isReversion
        }
    }

    /// The tag of that name that is alive at `now`.
    package static func alive(
        _ name: TagName, inRepository repositoryID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> Pointer? {
        // One row at most: an order, a limit or the end would only tempt an engine to another index.
        try transaction.rows(
            """
            \(pointers) WHERE tag.repository_id = \(repositoryID) AND tag.name = \(name.text)
                AND tag.is_current = 1 AND tag.hidden = 0
            """
        ).map(pointer).first { $0.lifetime.isAlive(at: now) }
    }

    /// The visible tags that point at a manifest and are alive at `now`, by name.
    package static func alive(
        pointingAt manifestID: Int64, at now: Date, in transaction: any Transaction
    ) throws -> [Pointer] {
        try transaction.rows(
            """
            \(pointers) WHERE tag.manifest_id = \(manifestID) AND tag.is_current = 1 AND tag.hidden = 0
                AND (tag.lifetime_end_ms IS NULL OR tag.lifetime_end_ms > \(now))
            ORDER BY tag.name
            """
        ).map(pointer)
    }

    /// Whether the name was alive once.
    package static func existed(
        _ name: TagName, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.row(
            """
            SELECT 1 AS found FROM tag WHERE repository_id = \(repositoryID) AND name = \(name.text) AND hidden = 0
            LIMIT 1
            """) != nil
    }

    /// The visible names alive at `now`, in byte order, from the one after `last` on; at most `limit`.
    package static func names(
        inRepository repositoryID: Int64, after last: String, limit: Int, at now: Date, in transaction: any Transaction
    ) throws -> [String] {
        try transaction.rows(
            """
            SELECT name FROM tag
            WHERE repository_id = \(repositoryID) AND name > \(last) AND is_current = 1 AND hidden = 0
                AND (lifetime_end_ms IS NULL OR lifetime_end_ms > \(now))
            ORDER BY name LIMIT \(limit)
            """
        ).map { try $0.text("name") }
    }

    /// Begins a row, and ends at its start whatever the name pointed at before.
    package static func begin(_ row: Begin, in transaction: any Transaction) throws {
        let start = row.lifetime.start
        try transaction.run(
            """
            UPDATE tag SET is_current = 0, lifetime_end_ms =
                CASE WHEN lifetime_end_ms IS NULL OR lifetime_end_ms > \(start) THEN \(start) ELSE lifetime_end_ms END
            WHERE repository_id = \(row.repositoryID) AND name = \(row.name.text) AND is_current = 1 AND hidden = 0
            """)
        try transaction.run(
            """
            INSERT INTO tag (repository_id, name, manifest_id, lifetime_start_ms, lifetime_end_ms, reversion)
            VALUES (\(row.repositoryID), \(row.name.text), \(row.manifestID), \(start), \(row.lifetime.end),
                \(row.isReversion))
            """)
    }

    /// Ends the row of an alive tag at `now`.
    package static func end(_ tag: Pointer, at now: Date, in transaction: any Transaction) throws {
        // A clock that was set back must not end a row before it began.
        let end = max(now, tag.lifetime.start)
        try transaction.run("UPDATE tag SET lifetime_end_ms = \(end), is_current = 0 WHERE id = \(tag.id)")
    }

    /// Ends the hidden rows that keep a manifest without a tag.
    package static func endHidden(pointingAt manifestID: Int64, at now: Date, in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE tag SET lifetime_end_ms = \(now), is_current = 0 WHERE manifest_id = \(manifestID) AND hidden = 1
                AND (lifetime_end_ms IS NULL OR lifetime_end_ms > \(now))
            """)
    }

    /// Sets or clears the moment at which an alive tag expires; it stays current until then and after.
    package static func setEnd(_ id: Int64, to end: Date?, in transaction: any Transaction) throws {
        try transaction.run("UPDATE tag SET lifetime_end_ms = \(end) WHERE id = \(id)")
    }

    package static func setImmutable(_ id: Int64, to isImmutable: Bool, in transaction: any Transaction) throws {
        try transaction.run("UPDATE tag SET immutable = \(isImmutable) WHERE id = \(id)")
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

    private static let pointers: Query = """
        SELECT tag.id, tag.name, tag.manifest_id, tag.lifetime_start_ms, tag.lifetime_end_ms, tag.immutable,
            manifest.digest
        FROM tag JOIN manifest ON manifest.id = tag.manifest_id
        """

    private static func pointer(_ row: Row) throws -> Pointer {
        Pointer(
            id: try row.integer("id"), name: try row.text("name"), manifestID: try row.integer("manifest_id"),
            digest: try Digest(try row.text("digest")),
            lifetime: TagLifetime(
                start: try row.date("lifetime_start_ms"), end: try row.dateIfAny("lifetime_end_ms")),
            isImmutable: try row.bool("immutable"))
    }
}
