package import Domain
package import Foundation
package import OCI
package import SQL

/// The SQL that lists tag rows, alive and dead, the newest first.
///
/// Every list reads one index in its order (`tag_newest`, `tag_history`, `tag_history_of_name`) and joins only the rows of
/// its page, so that neither the number of tags nor their history matters.
package enum TagHistoryStore {
    /// One period of a name.
    package struct Entry: Sendable, Hashable {
        package let id: Int64
        package let name: String
        package let lifetime: TagLifetime
        /// Whether a restore made it.
        package let isReversion: Bool
        /// Its own mark; the repository's policies may protect it besides.
        package let isImmutable: Bool
        package let digest: Digest
        package let mediaType: String
        /// All layers as they are stored; nil for an index.
        package let layersSizeBytes: Int64?
        package let isCurrent: Bool

        /// Whether the tag points at this manifest at `now`.
        package func isAlive(at now: Date) -> Bool { isCurrent && lifetime.isAlive(at: now) }
    }

    /// Which rows a list asks for. Hidden rows are never among them.
    package struct Filter: Sendable, Hashable {
        package enum Names: Sendable, Hashable {
            case any
            case exactly(TagName)
            /// Anywhere in the name, letters of either case; every character stands for itself.
            case containing(String)
        }

        package var names: Names
        package var isAliveOnly: Bool

        package init(_ names: Names = .any, isAliveOnly: Bool = false) {
            self.names = names
            self.isAliveOnly = isAliveOnly
        }
    }

    /// Where a page begins: behind so many rows, or behind the last row of the page before, however far that is.
    package enum Start: Sendable, Hashable {
        case skipping(Int)
        case after(Position)
    }

    /// The place of one row in the order of lists.
    package struct Position: Sendable, Hashable, Codable {
        package let start: Date
        package let name: String
        package let id: Int64

        package init(start: Date, name: String, id: Int64) {
            self.start = start
            self.name = name
            self.id = id
        }
    }

    /// At most `limit` rows, the newest start first, then by name.
    package static func list(
        _ filter: Filter, inRepository repositoryID: Int64, from start: Start, limit: Int, at now: Date,
        in transaction: any Transaction
    ) throws -> [Entry] {
        if case .exactly(let name) = filter.names, filter.isAliveOnly {
            guard start == .skipping(0) else { return [] }
            let current = try entries(current(name, repositoryID), in: transaction)
            return Array(current.filter { $0.isAlive(at: now) }.prefix(limit))
        }
        return try entries(page(filter, repositoryID, start, limit, now), in: transaction)
    }

    /// The rows of the numbers that `page` asks for, in the order of lists.
    private static func entries(_ page: Query, in transaction: any Transaction) throws -> [Entry] {
        try transaction.rows(
            """
            SELECT tag.id, tag.name, tag.lifetime_start_ms, tag.lifetime_end_ms, tag.reversion, tag.immutable,
                tag.is_current, manifest.digest, manifest.media_type, manifest.layers_size_bytes
            FROM (\(page)) AS page JOIN tag ON tag.id = page.id JOIN manifest ON manifest.id = tag.manifest_id
            ORDER BY tag.lifetime_start_ms DESC, tag.name, tag.id DESC
            """
        ).map(entry)
    }

    /// The number of the last row of a name. One row at most: an order or a limit would only tempt an engine to look for
    /// it in the history.
    static func current(_ name: TagName, _ repositoryID: Int64) -> Query {
        """
        SELECT id FROM tag
        WHERE repository_id = \(repositoryID) AND name = \(name.text) AND is_current = 1 AND hidden = 0
        """
    }

    /// The numbers of the rows of one page; reads nothing but an index.
    static func page(
        _ filter: Filter, _ repositoryID: Int64, _ start: Start, _ limit: Int, _ now: Date
    ) -> Query {
        var query: Query = "SELECT id FROM tag WHERE repository_id = \(repositoryID) AND hidden = 0"
        switch filter.names {
        case .any: break
        case .exactly(let name): query = query + "AND name = \(name.text)"
        case .containing(let part):
            // Not LIKE: its wildcards are letters that names have, and the engines differ in its letter case.
            query = query + "AND REPLACE(LOWER(name), \(part.lowercased()), '') <> LOWER(name)"
        }
        if filter.isAliveOnly {
            query = query + "AND is_current = 1 AND (lifetime_end_ms IS NULL OR lifetime_end_ms > \(now))"
        }
        var offset = 0
        switch start {
        case .skipping(let count): offset = count
        case .after(let last):
            query =
                query
                    + """
                    AND lifetime_start_ms <= \(last.start) AND (lifetime_start_ms < \(last.start)
                        OR name > \(last.name) OR (name = \(last.name) AND id < \(last.id)))
                    """
        }
        return query + "ORDER BY lifetime_start_ms DESC, name, id DESC LIMIT \(limit) OFFSET \(offset)"
    }

    private static func entry(_ row: Row) throws -> Entry {
        Entry(
            id: try row.integer("id"), name: try row.text("name"),
            lifetime: TagLifetime(
                start: try row.date("lifetime_start_ms"), end: try row.dateIfAny("lifetime_end_ms")),
            isReversion: try row.bool("reversion"), isImmutable: try row.bool("immutable"),
            digest: try Digest(try row.text("digest")), mediaType: try row.text("media_type"),
            layersSizeBytes: try row.integerIfAny("layers_size_bytes"), isCurrent: try row.bool("is_current"))
    }
}

extension TagHistoryStore.Entry {
    /// Where the page after the one that ends with this row begins.
    package var position: TagHistoryStore.Position { .init(start: lifetime.start, name: name, id: id) }
}
