import Domain
import Foundation
package import SQL

/// The object that holds the log of a build which has ended.
package struct BuildLogArchive: Sendable, Hashable {
    /// Where a reader can enter the object.
    package struct Mark: Sendable, Hashable {
        /// The position of the first entry behind it.
        package let position: Int
        /// From the object's first byte.
        package let offset: Int64
    }

    package let location: String
    package let objectKey: String
    package let entryCount: Int
    package let sizeBytes: Int64
    /// In order, the first one at position 0.
    package let marks: [Mark]
}

/// All SQL on `build_log_archive`, and which builds are due to be archived.
package enum BuildLogArchiveStore {
    /// After so long a build that nothing works on any more is archived, whatever its phase says; seconds.
    static let abandonedAge: TimeInterval = 15 * 86_400

    /// Builds after `last` whose log can't grow any more and is not archived, in the order of their numbers.
    static func due(
        after last: Int64, at now: Date, limit: Int, in transaction: any Transaction
    ) throws -> [BuildLogName] {
        let final = [BuildPhase.complete, .error, .cancelled].map(\.rawValue)
        return try transaction.rows(
            """
            SELECT id, uuid FROM build WHERE logs_archived = 0 AND id > \(last) AND (
                ended_ms IS NOT NULL OR phase IN (\(list: final)) OR (
                    started_ms < \(now - abandonedAge)
                    AND NOT EXISTS (SELECT 1 FROM queue_item
                        WHERE queue_item.id = build.queue_item_id AND queue_item.retries_remaining > 0)))
                AND NOT EXISTS (SELECT 1 FROM build_attempt
                    WHERE build_attempt.build_id = build.id AND build_attempt.ended_ms IS NULL)
            ORDER BY id LIMIT \(limit)
            """
        ).map { BuildLogName(id: try $0.integer("id"), uuid: try $0.text("uuid")) }
    }

    /// Whether a build's log has left the database, or begins to.
    static func isArchived(_ buildID: Int64, in transaction: any Transaction) throws -> Bool {
        try transaction.row("SELECT 1 AS found FROM build WHERE id = \(buildID) AND logs_archived = 1") != nil
    }

    /// Writes down where the log of a build is about to be stored. An object that an earlier try named becomes garbage.
    static func begin(
        _ buildID: Int64, location: String, objectKey: String, at now: Date, in transaction: any Transaction
    ) throws {
        try forget(buildID, at: now, in: transaction)
        try transaction.run(
            """
            INSERT INTO build_log_archive (build_id, location, object_key, created_ms)
            VALUES (\(buildID), \(location), \(objectKey), \(now))
            """)
    }

    /// The object is stored and counts. False when another try has begun since, or the build is gone.
    static func stored(
        _ buildID: Int64, _ archive: BuildLogArchive, at now: Date, in transaction: any Transaction
    ) throws -> Bool {
        let index = try JSONEncoder().encode(archive.marks.map { [Int64($0.position), $0.offset] })
        return try transaction.run(
            """
            UPDATE build_log_archive SET stored_ms = \(now), entry_count = \(archive.entryCount),
                size_bytes = \(archive.sizeBytes), index_json = \(String(decoding: index, as: UTF8.self))
            WHERE build_id = \(buildID) AND object_key = \(archive.objectKey) AND stored_ms IS NULL
            """) == 1
    }

    /// Readers look into the archive from now on; a build without one has an empty log.
    static func markArchived(_ buildID: Int64, in transaction: any Transaction) throws {
        try transaction.run("UPDATE build SET logs_archived = 1 WHERE id = \(buildID)")
    }

    /// The archive of a build; nil when it has none that counts.
    package static func find(_ buildID: Int64, in transaction: any Transaction) throws -> BuildLogArchive? {
        try transaction.row(
            """
            SELECT location, object_key, entry_count, size_bytes, index_json FROM build_log_archive
            WHERE build_id = \(buildID) AND stored_ms IS NOT NULL
            """
        ).map { row in
            let index = try JSONDecoder().decode([[Int64]].self, from: Data(try row.text("index_json").utf8))
            return BuildLogArchive(
                location: try row.text("location"), objectKey: try row.text("object_key"),
                entryCount: try row.int("entry_count"), sizeBytes: try row.integer("size_bytes"),
                marks: index.filter { $0.count == 2 }.map { .init(position: Int($0[0]), offset: $0[1]) })
        }
    }

    /// Builds whose log is archived and may still have rows.
    static func unpurged(limit: Int, in transaction: any Transaction) throws -> [Int64] {
        try transaction.rows(
            """
            SELECT build_id FROM build_log_archive WHERE is_purged = 0 AND stored_ms IS NOT NULL
            ORDER BY build_id LIMIT \(limit)
            """
        ).map { try $0.integer("build_id") }
    }

    static func purged(_ buildID: Int64, in transaction: any Transaction) throws {
        try transaction.run("UPDATE build_log_archive SET is_purged = 1 WHERE build_id = \(buildID)")
    }

    /// Takes a build's archive away, stored or on its way; for those who delete the build, too.
    static func forget(_ buildID: Int64, at now: Date, in transaction: any Transaction) throws {
        let rows = try transaction.rows(
            """
            DELETE FROM build_log_archive WHERE build_id = \(buildID) RETURNING location, object_key, size_bytes
            """)
        for row in rows {
            try GarbageStore.discard(
                objectKey: try row.text("object_key"), location: try row.text("location"), withUpload: true,
                sizeBytes: try row.integerIfAny("size_bytes") ?? 0, at: now, in: transaction)
        }
    }
}
