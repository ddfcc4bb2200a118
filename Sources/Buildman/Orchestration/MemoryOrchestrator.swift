import Domain
import Foundation
import Runtime

/// An orchestrator for a single manager: everything in memory, gone with the process.
actor MemoryOrchestrator: Orchestrator {
    nonisolated let expiries: AsyncStream<JobKey>
    private let clock: WallClock
    private let continuation: AsyncStream<JobKey>.Continuation
    private var jobs: [JobKey: (record: JobRecord, timer: Task<Void, Never>)] = [:]

    init(clock: WallClock) {
        self.clock = clock
        (expiries, continuation) = AsyncStream.makeStream(of: JobKey.self)
    }

    deinit {
        for job in jobs.values { job.timer.cancel() }
        continuation.finish()
    }

    func put(_ record: JobRecord, expiresAt moment: Date) {
        jobs[record.key]?.timer.cancel()
        jobs[record.key] = (record, timer(record.key, moment))
    }

    func move(_ key: JobKey, expiresAt moment: Date) {
        guard let job = jobs[key] else { return }
        put(job.record, expiresAt: moment)
    }

    func remove(_ key: JobKey) {
        jobs.removeValue(forKey: key)?.timer.cancel()
    }

    private func timer(_ key: JobKey, _ moment: Date) -> Task<Void, Never> {
        let wait = Duration.milliseconds(Int64(max(0, moment.timeIntervalSince(clock.now)) * 1000) + 1)
        return Task { [clock, continuation] in
            do { try await clock.sleep(for: wait) } catch { return }
            continuation.yield(key)
        }
    }
}
