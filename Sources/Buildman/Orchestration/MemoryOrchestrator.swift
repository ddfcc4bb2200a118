import Domain
import Foundation
import Runtime
import ServiceLifecycle

/// An orchestrator for a single manager: everything in memory, gone with the process.
actor MemoryOrchestrator: Orchestrator {
    private struct Job {
        var expiresAt: Date
        /// Nil after the moment has been told.
        var timer: Task<Void, Never>?
        /// When the timer looks next, which may be before the job expires.
        var looksAt: Date
    }

    nonisolated let isShared = false
    nonisolated let expiries: AsyncStream<JobKey>
    private let clock: WallClock
    private let continuation: AsyncStream<JobKey>.Continuation
    private var jobs: [JobKey: Job] = [:]

    init(clock: WallClock) {
        self.clock = clock
        (expiries, continuation) = AsyncStream.makeStream(of: JobKey.self)
    }

    deinit {
        for job in jobs.values { job.timer?.cancel() }
        continuation.finish()
    }

    /// Its timers run by themselves.
    nonisolated func run() async throws {
        do { try await gracefulShutdown() } catch is CancellationError { return }
    }

    func put(_ record: JobRecord, expiresAt moment: Date) {
        jobs[record.key]?.timer?.cancel()
        jobs[record.key] = Job(expiresAt: moment, timer: timer(record.key, moment), looksAt: moment)
    }

    func move(_ key: JobKey, expiresAt moment: Date) {
        guard let job = jobs[key] else { return }
        jobs[key]?.expiresAt = moment
        // A builder that talks moves its job all the time: a timer that looks too early looks again.
        guard job.timer == nil || moment < job.looksAt else { return }
        job.timer?.cancel()
        jobs[key]?.timer = timer(key, moment)
        jobs[key]?.looksAt = moment
    }

    func release(_ key: JobKey) { remove(key) }

    func remove(_ key: JobKey) {
        jobs.removeValue(forKey: key)?.timer?.cancel()
    }

    private func timer(_ key: JobKey, _ moment: Date) -> Task<Void, Never> {
        Task { [weak self, clock] in
            var next: Date? = moment
            while let moment = next {
                let wait = Duration.milliseconds(Int64(max(0, moment.timeIntervalSince(clock.now)) * 1000) + 1)
                do { try await clock.sleep(for: wait) } catch { return }
                if Task.isCancelled { return }
                next = await self?.look(at: key)
            }
        }
    }

    /// Tells the job if its moment has come; else answers when to look again.
    private func look(at key: JobKey) -> Date? {
        guard let job = jobs[key] else { return nil }
        if job.expiresAt > clock.now {
            jobs[key]?.looksAt = job.expiresAt
            return job.expiresAt
        }
        jobs[key]?.timer = nil
        continuation.yield(key)
        return nil
    }
}
