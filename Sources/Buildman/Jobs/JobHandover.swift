import Domain
import Logging
import RegistryCore
import ServiceLifecycle

/// The first and the last thing a manager does with running builds: it takes over what an earlier process left, and gives
/// back what must not outlive this one.
struct JobHandover: Service {
    let attempts: BuildAttemptService
    let supervisor: JobSupervisor
    let executors: [any Executor]
    let logger: Logger

    /// Takes over every live attempt, with a fresh time to be heard, and ends what runs for attempts that are over.
    /// Before anything is claimed.
    func takeOver() async throws {
        for attempt in try await attempts.adoptLive() {
            guard let executor = executors.first(where: { $0.name == attempt.executor }) else {
                // It may or may not have been started: it counts as a launch.
                _ = try await attempts.end(attempt, .interrupted)
                logger.notice("gave back a build whose start was interrupted", metadata: ["job": "\(attempt.key)"])
                continue
            }
            try await supervisor.resume(attempt, on: executor)
        }
        let live = Set(await supervisor.running.map(\.key))
        for executor in executors { await executor.reap(keeping: live) }
    }

    /// Waits for the program's end, and gives back what must not outlive it.
    func run() async throws {
        do { try await gracefulShutdown() } catch is CancellationError { return }
        await supervisor.stop()
    }
}
