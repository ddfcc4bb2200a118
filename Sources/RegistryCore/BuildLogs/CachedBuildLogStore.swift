package import Domain
import Foundation
package import SQL

/// Log lines in the database, and beside it in Redis, which readers ask first.
///
/// The database decides: a line counts once it is there, and what Redis lacks comes from there. Redis is never waited for
/// by whoever writes, and for moments only by whoever reads.
package struct CachedBuildLogStore: BuildLogStore {
    private let database: any Database
    private let stored: DatabaseBuildLogStore
    private let cache: BuildLogCache
    private let mirror: BuildLogMirror?

    /// - Parameter mirror: copies to Redis what is appended here; nil in a program that only reads.
    package init(_ database: any Database, cache: BuildLogCache, mirror: BuildLogMirror? = nil) {
        self.database = database
        self.cache = cache
        self.mirror = mirror
        stored = DatabaseBuildLogStore(database)
    }

    package func append(_ lines: [BuildLogLine], to attempt: BuildAttempt) async throws -> Bool {
        guard try await stored.append(lines, to: attempt) else { return false }
        mirror?.note(BuildLogName(id: attempt.buildID, uuid: attempt.key.buildUUID))
        return true
    }

    package func page(of build: BuildLogName, from start: Int, limit: Int) async throws -> BuildLogPage? {
        let start = max(start, 0)
        guard let cached = await cache.entries(of: build.uuid, from: start, limit: limit) else {
            return try await stored.page(of: build, from: start, limit: limit)
        }
        // Asked after Redis: what is there was in the database before, so more than the database has is none of ours.
        return try await database.read { transaction in
            guard try !BuildLogArchiveStore.isArchived(build.id, in: transaction) else { return nil }
            let total = try BuildLogEntryStore.count(ofBuild: build.id, in: transaction)
            let known = cached.length <= total ? cached.entries : []
            // Behind, or flushed: the rest, or all of it, from the truth.
            let rest =
                known.isEmpty
                ? try BuildLogEntryStore.entries(ofBuild: build.id, from: start, limit: limit, in: transaction) : []
            return BuildLogPage(start: start, total: total, entries: known + rest)
        }
    }
}
