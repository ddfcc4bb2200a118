import Domain
import Foundation
import Logging
import RegistryCore
import Runtime
import SQL
import ServiceLifecycle

/// Claims builds as long as there is room for them and an executor that may be asked, and launches each.
///
/// Woken by whoever queues a build, by whoever ends one, and by an executor that works again; asks the queue by itself
/// now and then, in case a wake-up got lost.
struct SchedulingLoop: Service {
    /// How long launches may still take when the program is told to stop.
    private static let patience: Duration = .seconds(5)

    let database: any Database
    let attempts: BuildAttemptService
    let launcher: BuildLauncher
    let roster: ExecutorRoster
    let capacity: Capacity
    let situation: SchedulingSituation
    let clock: WallClock
    let pollInterval: Duration

    func run() async throws {
        let (alarms, alarm) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let wakeUps = database.wakeUps(
            QueueRoot.dockerfileBuild.signal, orEvery: pollInterval, clock: clock)
        let queue = Task {
            for await _ in wakeUps { alarm.yield() }
            alarm.finish()
        }
        let executors = Task { for await _ in roster.recoveries { alarm.yield() } }
        let launches = LaunchCount()
        await withDiscardingTaskGroup { group in
            var timer: Task<Void, Never>?
            for await _ in alarms.cancelOnGracefulShutdown() {
                timer?.cancel()
                timer = nil
                guard let next = await claimAll(in: &group, launches) else { continue }
                // What waits for its time, such as a second launch, comes at that time and not at the next poll.
                let wait = Duration.milliseconds(Int64(max(0, next.timeIntervalSince(clock.now)) * 1000) + 1)
                guard wait < pollInterval else { continue }
                timer = Task {
                    do { try await clock.sleep(for: wait) } catch { return }
                    alarm.yield()
                }
            }
            for task in [timer, queue, executors] { task?.cancel() }
            // A start call that is broken off leaves something behind to be found later.
            _ = await TimeLimit.run(Self.patience, clock: clock) { await launches.untilNone() }
            group.cancelAll()
        }
    }

    /// Claims and launches until nothing waits or nothing can be started. Answers when to look again, at the latest.
    private func claimAll(in group: inout DiscardingTaskGroup, _ launches: LaunchCount) async -> Date? {
        let room = await capacity.current()
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let admission = await roster.admission()
            do {
                switch try await attempts.claimNext(capacity: room, admitting: admission.admits) {
                case .job(let job):
                    // Chosen before the next claim, so that two builds don't count on the same probe.
                    let choice = await roster.choose(
                        for: job.build.uuid, namespace: job.repository.name.namespace,
                        retriesRemaining: job.retriesRemaining)
                    await launches.begin()
                    group.addTask {
                        await launcher.launch(job, on: choice)
                        await launches.end()
                    }
                case .nothingToBuild: continue
                case .full:
                    situation.is(room == 0 ? .noPlaces : .atCapacity)
                    return nil
                case .held(let next):
                    situation.is(.noExecutor)
                    return [next, admission.nextChange].compactMap { $0 }.min()
                case .empty(let next):
                    situation.is(.free)
                    return next
                }
            } catch {
                situation.failed(error)
                return nil
            }
        }
        return nil
    }

    /// How many launches are under way.
    private actor LaunchCount {
        private var count = 0
        private var waiting: [CheckedContinuation<Void, Never>] = []

        func begin() { count += 1 }

        func end() {
            count -= 1
            guard count == 0 else { return }
            for continuation in waiting { continuation.resume() }
            waiting = []
        }

        func untilNone() async {
            if count == 0 { return }
            await withCheckedContinuation { waiting.append($0) }
        }
    }
}
