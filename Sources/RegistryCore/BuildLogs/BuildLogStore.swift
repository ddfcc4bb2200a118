package import Domain
import Foundation
import Runtime
package import SQL

/// One line of an attempt's output, numbered by its agent.
package struct BuildLogLine: Sendable, Hashable {
    /// From 1, rising within the attempt.
    package let number: Int
    package let entry: BuildLogEntry

    package init(number: Int, entry: BuildLogEntry) {
        self.number = number
        self.entry = entry
    }
}

/// A part of a build's log.
package struct BuildLogPage: Sendable, Hashable {
    /// The position of the first entry here.
    package let start: Int
    /// How many entries the build has in all.
    package let total: Int
    package let entries: [BuildLogEntry]

    package init(start: Int, total: Int, entries: [BuildLogEntry]) {
        self.start = start
        self.total = total
        self.entries = entries
    }

    /// The position after the last entry here.
    package var end: Int { start + entries.count }
}

/// Where the lines of running builds go and are read from.
///
/// Entries are numbered from 0 without gaps. An agent's line is stored once, however often it is sent. When `append`
/// returns, the lines survive any crash.
package protocol BuildLogStore: Sendable {
    /// Stores an attempt's lines, which stand in the order of their numbers. False when the attempt has ended: then
    /// nothing is stored.
    func append(_ lines: [BuildLogLine], to attempt: BuildAttempt) async throws -> Bool

    /// Reads from position `start` on: at most `limit` entries, and fewer where they are long; none only at the end. Nil
    /// when the log has been archived, and is to be read from there.
    func page(of build: BuildLogName, from start: Int, limit: Int) async throws -> BuildLogPage?
}

/// The build whose log is meant, as the database and as other stores know it.
package struct BuildLogName: Sendable, Hashable {
    package let id: Int64
    package let uuid: String

    package init(id: Int64, uuid: String) {
        self.id = id
        self.uuid = uuid
    }

    package init(_ build: Build) { self.init(id: build.id, uuid: build.uuid) }
}

/// Log lines in the database.
package struct DatabaseBuildLogStore: BuildLogStore {
    private let database: any Database

    package init(_ database: any Database) { self.database = database }

    package func append(_ lines: [BuildLogLine], to attempt: BuildAttempt) async throws -> Bool {
        try await database.write { transaction in
            guard try BuildAttemptStore.isLive(attempt.id, in: transaction) else { return false }
            try BuildLogEntryStore.append(
                lines, toBuild: attempt.buildID, attempt: attempt.key.attempt, in: transaction)
            try transaction.notify(.buildLogs)
            return true
        }
    }

    package func page(of build: BuildLogName, from start: Int, limit: Int) async throws -> BuildLogPage? {
        try await database.read { transaction in
            guard try !BuildLogArchiveStore.isArchived(build.id, in: transaction) else { return nil }
            let start = max(start, 0)
            return BuildLogPage(
                start: start, total: try BuildLogEntryStore.count(ofBuild: build.id, in: transaction),
                entries: try BuildLogEntryStore.entries(ofBuild: build.id, from: start, limit: limit, in: transaction))
        }
    }
}
