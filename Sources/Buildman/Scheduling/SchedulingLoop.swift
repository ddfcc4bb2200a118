import Domain
import Foundation
import Logging
import RegistryCore
import Runtime
import SQL
import ServiceLifecycle

/// Claims builds as long as there is room for them, and launches each.
///
/// Woken by whoever queues a build, and by whoever ends one; asks the queue by itself now and then, in case a wake-up
/// got lost.
struct SchedulingLoop: Service {
    let database: any Database
    let attempts: BuildAttemptService
    let launcher: BuildLauncher
    let clock: WallClock
    /// How many attempts may be live at once, over all managers (ALLOWED_WORKER_COUNT).
    let capacity: Int
    let pollInterval: Duration
    let logger: Logger

    func run() async throws {
        let (alarms, alarm) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let wakeUps = database.wakeUps(
            QueueRoot.dockerfileBuild.signal, orEvery: pollInterval, clock: clock)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in wakeUps { alarm.yield() }
                alarm.finish()
            }
            for await _ in alarms.cancelOnGracefulShutdown() {
                if let next = await claimAll(in: &group) {
                    // What waits for its time, such as a second launch, comes at that time and not at the next poll.
                    let wait = Duration.milliseconds(Int64(max(0, next.timeIntervalSince(clock.now)) * 1000) + 1)
                    guard wait < pollInterval else { continue }
                    group.addTask {
                        do { try await clock.sleep(for: wait) } catch { return }
                        alarm.yield()
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Claims and launches until nothing waits or no slot is free. Answers when something becomes claimable later.
    private func claimAll(in group: inout TaskGroup<Void>) async -> Date? {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                switch try await attempts.claimNext(capacity: capacity) {
                case .job(let job): group.addTask { await launcher.launch(job) }
                case .nothingToBuild: continue
                case .full: return nil
                case .empty(let next): return next
                }
            } catch {
                logger.error("the build queue can't be read", metadata: ["error": "\(error)"])
                return nil
            }
        }
        return nil
    }
}
