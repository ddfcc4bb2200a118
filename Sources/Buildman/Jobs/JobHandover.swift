import Domain
import Logging
import RegistryCore
import ServiceLifecycle

/// The first and the last thing a manager does with running builds: it takes over what an earlier process left, and gives
/// back what must not outlive this one.
struct JobHandover: Service {
    let attempts: BuildAttemptService
    let supervisor: JobSupervisor
    let orchestrator: any Orchestrator
    let executors: [any Executor]
    let presence: ManagerPresence
    let logger: Logger

    /// Takes over the live attempts of this manager's earlier processes and of managers that are gone, with a fresh time to
    /// be heard, and ends what runs for attempts that are over. Before anything is claimed, and after it is sure that no
    /// other process serves on this one's address.
    func takeOver() async throws {
        let others = try await presence.announce()
        let name = ManagerIdentity(attempts.manager).name
        if !orchestrator.isShared, let other = others.first(where: { ManagerIdentity($0).name != name }) {
            logger.warning(
                "another Buildman works on this database, but ORCHESTRATOR is MEM_CONFIG, which is for one alone",
                metadata: ["other": "\(other)"])
        }
        for attempt in try await attempts.live() {
            let isGone = !orchestrator.isShared || !others.contains(attempt.manager)
            guard isGone || ManagerIdentity(attempt.manager).name == name else { continue }
            try await takeOver(attempt, isGone: isGone)
        }
        await executors.reap(for: attempts, logger)
    }

    /// Goes on with an attempt of another manager.
    /// - Parameter isGone: that manager can't be starting its builder just now.
    func takeOver(_ attempt: BuildAttempt, isGone: Bool) async throws {
        if executors.contains(where: { $0.name == attempt.executor }) {
            try await supervisor.takeOver(attempt)
        } else if isGone, attempt.executor == nil || !orchestrator.isShared {
            // It may or may not have been started: it counts as a launch.
            guard try await attempts.end(attempt, .interrupted) else { return }
            logger.notice("gave back a build whose start was interrupted", metadata: ["job": "\(attempt.key)"])
        }
    }

    /// Waits for the program's end, and gives back what must not outlive it.
    func run() async throws {
        do { try await gracefulShutdown() } catch is CancellationError { return }
        await supervisor.stop()
        do { try await presence.leave() } catch {
            // Others notice it a little later.
            logger.warning("others could not be told of this manager's end", metadata: ["error": "\(error)"])
        }
    }
}
