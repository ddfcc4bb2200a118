import Domain
import Foundation
import Logging
import ObjectStorage
import Runtime
import SQL

/// Where archived logs go: LOG_ARCHIVE_LOCATION and LOG_ARCHIVE_PATH.
package struct LogArchiveSettings: Sendable, Hashable {
    /// The name of a location; nil for the one that new objects go to.
    package var location: String?
    /// The area of the objects' keys.
    package var area = "logarchive"

    package init() {}
}

/// One pass that moves the logs of builds which have ended from the database to the object store.
///
/// In this order, each a transaction or an object of its own: the row names the object, the object is written, the row
/// counts and readers look there, the log's rows go. Killed anywhere in between, the next pass goes on, and what the dead
/// one wrote and does not count is garbage that its row names. Two passes at once end with one archive.
package struct BuildLogArchiveStep: Sendable {
    /// What a pass did.
    package struct Counts: Sendable, Hashable {
        /// Logs that are archived now.
        package var archived = 0
        /// Builds whose log was empty: nothing is stored for them.
        package var empty = 0
        package var failed = 0
        package init() {}
    }

    private static let page = 50
    /// Rows that are removed in one transaction.
    private static let chunk = 2_000

    private let platform: Platform
    private let settings: LogArchiveSettings
    private let cache: BuildLogCache?
    private let between: @Sendable (Stage) async throws -> Void

    /// The places at which a program may be killed; tests stop there.
    enum Stage: Sendable, Hashable { case begun, written, counted, purging }

    package init(platform: Platform, settings: LogArchiveSettings, cache: BuildLogCache? = nil) {
        self.init(platform: platform, settings: settings, cache: cache) { _ in }
    }

    /// - Parameter stopping: called at each stage, outside any transaction; what it throws ends the pass there.
    init(
        platform: Platform, settings: LogArchiveSettings, cache: BuildLogCache? = nil,
        stopping: @escaping @Sendable (Stage) async throws -> Void
    ) {
        self.platform = platform
        self.settings = settings
        self.cache = cache
        between = stopping
    }

    /// One pass; nil when another process is at it. A log that can't be stored is left for the next pass.
    @discardableResult
    package func run() async throws -> Counts? {
        guard let lease = try await StepLease.take("log archive", on: platform) else { return nil }
        let counts: Counts
        do { counts = try await pass(lease) } catch {
            try await lease.release()
            throw error
        }
        try await lease.release()
        return counts
    }

    private func pass(_ first: StepLease) async throws -> Counts {
        var counts = Counts()
        var failure: (any Error)?
        try await purgeWhatIsLeft()
        var lease: StepLease? = first
        var last: Int64 = 0
        while lease != nil {
            let now = platform.clock.now
            let builds = try await platform.database.read { [last] in
                try BuildLogArchiveStore.due(after: last, at: now, limit: Self.page, in: $0)
            }
            guard let end = builds.last else { break }
            last = end.id
            for build in builds {
                guard let held = try await lease?.kept() else {
                    lease = nil
                    break
                }
                lease = held
                do { try await archive(build, &counts) } catch let error as ObjectStorageError {
                    counts.failed += 1
                    failure = failure ?? error
                    // The others would fare no better.
                    if error.kind == .unavailable || error.kind == .full { lease = nil }
                }
            }
        }
        if let failure {
            platform.logger.error(
                "Logs of builds could not be archived and are with the next pass; the first: \(failure)")
        }
        return counts
    }

    private func archive(_ build: BuildLogName, _ counts: inout Counts) async throws {
        let store = try store()
        let key = try ObjectKey(
            stored: Self.key(area: settings.area, identifier: platform.identifiers.uuid()))
        let now = platform.clock.now
        let total = try await platform.database.write { transaction in
            guard try !BuildLogArchiveStore.isArchived(build.id, in: transaction) else { return Int?.none }
            let total = try BuildLogEntryStore.count(ofBuild: build.id, in: transaction)
            if total == 0 {
                try BuildLogArchiveStore.forget(build.id, at: now, in: transaction)
                try BuildLogArchiveStore.markArchived(build.id, in: transaction)
            } else {
                try BuildLogArchiveStore.begin(
                    build.id, location: store.location, objectKey: key.text, at: now, in: transaction)
            }
            return total
        }
        guard let total else { return }
        guard total > 0 else {
            counts.empty += 1
            return
        }
        try await between(.begun)
        let writer = BuildLogArchiveWriter(platform.database, build: build, total: total)
        try await store.put(writer.chunks, as: key)
        try await between(.written)
        let archive = await BuildLogArchive(
            location: store.location, objectKey: key.text, entryCount: writer.entryCount,
            sizeBytes: writer.sizeBytes, marks: writer.marks)
        guard try await count(archive, of: build, total: total) else {
            // Somebody else began anew and made our object garbage, perhaps before it was there.
            try await store.discard(UploadKey(key))
            try await store.delete(key)
            return
        }
        counts.archived += 1
        try await between(.counted)
        await cache?.archived(build.uuid)
        try await purge(build.id)
    }

    /// Makes the object the log of its build. False when it can't be: another try has begun, or the log has changed.
    private func count(_ archive: BuildLogArchive, of build: BuildLogName, total: Int) async throws -> Bool {
        let now = platform.clock.now
        return try await platform.database.write { transaction in
            guard archive.entryCount == total,
                try BuildLogEntryStore.count(ofBuild: build.id, in: transaction) == total,
                try BuildLogArchiveStore.stored(build.id, archive, at: now, in: transaction)
            else { return false }
            try BuildLogArchiveStore.markArchived(build.id, in: transaction)
            return true
        }
    }

    private func purgeWhatIsLeft() async throws {
        while true {
            let builds = try await platform.database.read {
                try BuildLogArchiveStore.unpurged(limit: Self.page, in: $0)
            }
            if builds.isEmpty { return }
            for build in builds { try await purge(build) }
        }
    }

    /// Removes the rows of an archived log, a few at a time: nobody waits long behind it.
    private func purge(_ buildID: Int64) async throws {
        while true {
            try Task.checkCancellation()
            let isDone = try await platform.database.write { transaction in
                let removed = try BuildLogEntryStore.remove(ofBuild: buildID, limit: Self.chunk, in: transaction)
                guard removed < Self.chunk else { return false }
                try BuildLogArchiveStore.purged(buildID, in: transaction)
                return true
            }
            try await between(.purging)
            if isDone { return }
        }
    }

    private func store() throws -> any ObjectStore {
        guard let location = settings.location else { return platform.objects }
        guard let store = platform.locations.store(at: location) else {
            throw ObjectStorageError(.failed, "The location \(location) of LOG_ARCHIVE_LOCATION is not configured.")
        }
        return store
    }

    private static func key(area: String, identifier: String) -> String {
        "\(area)/\(identifier.prefix(2))/\(identifier)"
    }
}
