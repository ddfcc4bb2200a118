import Domain
import Foundation
import Logging
import Runtime
import SQL
import Synchronization

/// Copies the logs of running builds from the database to Redis.
///
/// It copies what is stored, never what is being stored: whoever writes waits for nothing here, a Redis that comes back,
/// forgets or lags is brought up to date from the rows, and its lists are never ahead of them.
package final class BuildLogMirror: Sendable {
    /// How often everything that runs is looked at: for entries that nobody announced, and for signs of life.
    private static let interval = Duration.seconds(15)
    private static let entriesAtOnce = 500

    private let database: any Database
    private let cache: BuildLogCache
    private let clock: WallClock
    private let logger: Logger
    private let noted = Mutex<Set<BuildLogName>>([])
    private let wakeUps: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    package init(_ platform: Platform, cache: BuildLogCache) {
        self.database = platform.database
        self.cache = cache
        self.clock = platform.clock
        self.logger = platform.logger
        (wakeUps, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// A build's log has grown. Returns at once.
    package func note(_ build: BuildLogName) {
        noted.withLock { _ = $0.insert(build) }
        wake.yield()
    }

    /// Copies until the task is cancelled. For one caller.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    do { try await self.clock.sleep(for: Self.interval) } catch { return }
                    self.wake.yield()
                }
            }
            await follow()
            group.cancelAll()
        }
    }

    private func follow() async {
        var copies = Copies()
        for await _ in wakeUps {
            let builds = noted.withLock { noted in
                defer { noted = [] }
                return noted
            }
            do {
                for build in builds { try await copy(build, &copies) }
                try await lookAround(&copies)
            } catch is CancellationError {
                return
            } catch {
                logger.warning("Build logs could not be copied to Redis, and are with the next lines: \(error)")
            }
        }
    }

    /// What is known of the lists in Redis.
    private struct Copies {
        /// How long each list is, as far as is known.
        var lengths: [BuildLogName: Int] = [:]
        /// Which step each build has come to.
        var statuses: [BuildLogName: BuildLogCache.Status] = [:]
        var running: Set<BuildLogName> = []
        var lookedAt: Date?
    }

    /// Brings up to date what runs, and what ran when this was done last: its end is written by others, too.
    private func lookAround(_ copies: inout Copies) async throws {
        let now = clock.now
        if let last = copies.lookedAt, now.timeIntervalSince(last) < Self.interval.seconds { return }
        copies.lookedAt = now
        let attempts = try await database.read { try BuildAttemptStore.allLive(in: $0) }
        let running = Set(attempts.map { BuildLogName(id: $0.buildID, uuid: $0.key.buildUUID) })
        for build in running.union(copies.running) { try await copy(build, &copies) }
        copies.running = running
        copies.lengths = copies.lengths.filter { running.contains($0.key) }
        copies.statuses = copies.statuses.filter { running.contains($0.key) }
        var told: [String: BuildLogCache.Status] = [:]
        for attempt in attempts {
            let build = BuildLogName(id: attempt.buildID, uuid: attempt.key.buildUUID)
            var status = copies.statuses[build] ?? BuildLogCache.Status()
            status.heartbeat = attempt.heartbeatAt.map { Int64($0.timeIntervalSince1970) }
            told[build.uuid] = status
        }
        await cache.set(told)
    }

    private func copy(_ build: BuildLogName, _ copies: inout Copies) async throws {
        var length = copies.lengths[build] ?? 0
        while !Task.isCancelled {
            let (start, limit) = (length, Self.entriesAtOnce)
            let read = try await database.read { transaction in
                (
                    try BuildLogEntryStore.entries(ofBuild: build.id, from: start, limit: limit, in: transaction),
                    try BuildLogEntryStore.count(ofBuild: build.id, in: transaction)
                )
            }
            let (entries, total) = read
            guard start <= total else {
                // Archived meanwhile, or a database that was set back: the list tells of something else.
                await cache.removeList(of: build.uuid)
                copies.lengths[build] = nil
                return
            }
            if entries.isEmpty { break }
            // Away: the next wake-up begins where the list really ends.
            guard let now = await cache.append(entries, at: start, to: build.uuid) else { break }
            length = now
            if now == start + entries.count { note(entries, of: build, &copies) }
        }
        copies.lengths[build] = length
    }

    private func note(_ entries: [BuildLogEntry], of build: BuildLogName, _ copies: inout Copies) {
        guard let command = entries.last(where: { $0.kind == .command }),
            let step = BuildStepMarker(line: command.message)
        else { return }
        copies.statuses[build, default: .init()].current_command = step.number
        copies.statuses[build]?.total_commands = step.total
    }
}
