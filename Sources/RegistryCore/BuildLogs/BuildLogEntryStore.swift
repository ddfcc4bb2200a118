package import Domain
import Foundation
package import SQL

/// All SQL on `build_log`: a build's entries, numbered from 0 without gaps.
package enum BuildLogEntryStore {
    /// What a page of entries has at most, in bytes, give or take one entry.
    package static let pageBytes = 1 << 20
    /// No message is longer, in bytes of UTF-8: a log is for people.
    package static let maximumMessageBytes = 64 << 10
    /// Nor is any fact beside it.
    private static let maximumFactBytes = 16 << 10
    /// Rows of one query: even when each is as long as may be, they are a few megabytes.
    private static let rowsAtOnce = 100

    /// Adds one entry of the manager's own at the end.
    package static func append(
        _ entry: BuildLogEntry, toBuild buildID: Int64, attempt: Int, in transaction: any Transaction
    ) throws {
        try insert(
            entry, buildID, attempt, line: nil, at: count(ofBuild: buildID, in: transaction), in: transaction)
    }

    /// Adds an agent's lines, which stand in the order of their numbers; those that are there already are passed over.
    package static func append(
        _ lines: [BuildLogLine], toBuild buildID: Int64, attempt: Int, in transaction: any Transaction
    ) throws {
        let last =
            try transaction.number(
                "SELECT MAX(line) FROM build_log WHERE build_id = \(buildID) AND attempt = \(attempt)") ?? 0
        var position = try count(ofBuild: buildID, in: transaction)
        for line in lines where line.number > last {
            try insert(line.entry, buildID, attempt, line: line.number, at: position, in: transaction)
            position += 1
        }
    }

    /// How many entries a build has, which is also the position of the next one.
    package static func count(ofBuild buildID: Int64, in transaction: any Transaction) throws -> Int {
        Int(
            try transaction.number(
                "SELECT COALESCE(MAX(position) + 1, 0) FROM build_log WHERE build_id = \(buildID)") ?? 0)
    }

    /// The entries from position `start` on, in order: at most `limit`, and no more when they have `bytes` of text
    /// together, so that no log can fill the memory. At least one, if there is one.
    package static func entries(
        ofBuild buildID: Int64, from start: Int, limit: Int, bytes: Int = pageBytes, in transaction: any Transaction
    ) throws -> [BuildLogEntry] {
        var entries: [BuildLogEntry] = []
        var size = 0
        while entries.count < limit, size < bytes {
            let wanted = min(rowsAtOnce, limit - entries.count)
            let rows = try transaction.rows(
                """
                SELECT type, message, data_json FROM build_log
                WHERE build_id = \(buildID) AND position >= \(start + entries.count) ORDER BY position LIMIT \(wanted)
                """)
            for row in rows {
                let entry = try entry(row)
                entries.append(entry)
                size += entry.message.utf8.count + entry.data.values.reduce(64) { $0 + $1.utf8.count }
            }
            if rows.count < wanted { break }
        }
        return entries
    }

    private static func entry(_ row: Row) throws -> BuildLogEntry {
        BuildLogEntry(
            message: try row.text("message"),
            kind: try row.textIfAny("type").flatMap(BuildLogEntry.Kind.init(rawValue:)),
            data: try row.textIfAny("data_json").map {
                try JSONDecoder().decode([String: String].self, from: Data($0.utf8))
            } ?? [:])
    }

    /// Removes entries of an archived log, at most `limit`; answers how many.
    static func remove(ofBuild buildID: Int64, limit: Int, in transaction: any Transaction) throws -> Int {
        try transaction.run(
            """
            DELETE FROM build_log WHERE build_id = \(buildID) AND position IN
                (SELECT position FROM build_log WHERE build_id = \(buildID) ORDER BY position LIMIT \(limit))
            """)
    }

    /// The last entry that is neither a phase nor an error.
    package static func lastOutput(ofBuild buildID: Int64, in transaction: any Transaction) throws -> String? {
        try transaction.row(
            "SELECT message FROM build_log WHERE build_id = \(buildID) AND type IS NULL ORDER BY position DESC LIMIT 1"
        )?.text("message")
    }

    /// The last failure that an attempt logged; nil when it logged none.
    package static func lastFailure(
        ofBuild buildID: Int64, attempt: Int, in transaction: any Transaction
    ) throws -> BuildFailureNote? {
        try transaction.row(
            """
            SELECT message, data_json FROM build_log
            WHERE build_id = \(buildID) AND attempt = \(attempt) AND type = \(BuildLogEntry.Kind.error.rawValue)
            ORDER BY position DESC LIMIT 1
            """
        ).map { row in
            let data = try row.textIfAny("data_json").map {
                try JSONDecoder().decode([String: String].self, from: Data($0.utf8))
            }
            return BuildFailureNote(
                code: data?["error_code"].flatMap(BuildFailureCode.init(rawValue:)), text: try row.text("message"))
        }
    }

    private static func insert(
        _ entry: BuildLogEntry, _ buildID: Int64, _ attempt: Int, line: Int?, at position: Int,
        in transaction: any Transaction
    ) throws {
        let facts = entry.data.mapValues { kept($0, maximumFactBytes) }
        let data: String? =
            facts.isEmpty ? nil : String(decoding: try JSONEncoder.sorted.encode(facts), as: UTF8.self)
        let message = kept(entry.message, maximumMessageBytes)
        try transaction.run(
            """
            INSERT INTO build_log (build_id, position, attempt, line, type, message, data_json)
            VALUES (\(buildID), \(position), \(attempt), \(line), \(entry.kind?.rawValue), \(message), \(data))
            """)
    }

    /// The part of a text that is kept, in at most so many bytes.
    private static func kept(_ text: String, _ maximum: Int) -> String {
        guard text.utf8.count > maximum || text.utf8.contains(0) else { return text }
        // PostgreSQL keeps no NUL in a text, and a terminal shows none.
        var bytes = text.utf8.filter { $0 != 0 }
        if bytes.count > maximum {
            var end = maximum
            // Not in the middle of a character.
            while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
            bytes.removeSubrange(end...)
            bytes += " …".utf8
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
