package import Domain
import Foundation
package import SQL

/// All SQL on `build_log`: a build's entries, numbered from 0 without gaps.
package enum BuildLogEntryStore {
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

    /// The entries from position `start` on, in order.
    package static func entries(
        ofBuild buildID: Int64, from start: Int, limit: Int, in transaction: any Transaction
    ) throws -> [BuildLogEntry] {
        try transaction.rows(
            """
            SELECT type, message, data_json FROM build_log WHERE build_id = \(buildID) AND position >= \(start)
            ORDER BY position LIMIT \(limit)
            """
        ).map { row in
            BuildLogEntry(
                message: try row.text("message"),
                kind: try row.textIfAny("type").flatMap(BuildLogEntry.Kind.init(rawValue:)),
                data: try row.textIfAny("data_json").map {
                    try JSONDecoder().decode([String: String].self, from: Data($0.utf8))
                } ?? [:])
        }
    }

    /// The last entry that is neither a phase nor an error.
    package static func lastOutput(ofBuild buildID: Int64, in transaction: any Transaction) throws -> String? {
        try transaction.row(
            "SELECT message FROM build_log WHERE build_id = \(buildID) AND type IS NULL ORDER BY position DESC LIMIT 1"
        )?.text("message")
    }

    /// The code of the last failure that an attempt logged; nil when it logged none.
    package static func lastErrorCode(
        ofBuild buildID: Int64, attempt: Int, in transaction: any Transaction
    ) throws -> BuildFailureCode? {
        try transaction.row(
            """
            SELECT data_json FROM build_log
            WHERE build_id = \(buildID) AND attempt = \(attempt) AND type = \(BuildLogEntry.Kind.error.rawValue)
            ORDER BY position DESC LIMIT 1
            """
        ).flatMap { row in
            try row.textIfAny("data_json").flatMap {
                try JSONDecoder().decode([String: String].self, from: Data($0.utf8))["error_code"]
            }.flatMap(BuildFailureCode.init(rawValue:))
        }
    }

    private static func insert(
        _ entry: BuildLogEntry, _ buildID: Int64, _ attempt: Int, line: Int?, at position: Int,
        in transaction: any Transaction
    ) throws {
        let data: String? =
            entry.data.isEmpty ? nil : String(decoding: try JSONEncoder.sorted.encode(entry.data), as: UTF8.self)
        // PostgreSQL keeps no NUL in a text, and a terminal shows none.
        let message = entry.message.replacing("\0", with: "")
        try transaction.run(
            """
            INSERT INTO build_log (build_id, position, attempt, line, type, message, data_json)
            VALUES (\(buildID), \(position), \(attempt), \(line), \(entry.kind?.rawValue), \(message), \(data))
            """)
    }
}
