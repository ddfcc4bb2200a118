import Domain
import Logging
import RegistryCore
import Runtime
import ServiceLifecycle

/// Carries what orchestrator and executors notice to the supervisor: expiries, and builders that end by themselves; and
/// ends, every minute, whatever runs for attempts that aren't live.
struct JobEvents: Service {
    let attempts: BuildAttemptService
    let supervisor: JobSupervisor
    let orchestrator: any Orchestrator
    let executors: [any Executor]
    let clock: WallClock
    let reapInterval: Duration
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // Each on its own: a builder that is slow to stop holds up nothing else.
            await withDiscardingTaskGroup { group in
                group.addTask {
                    await withDiscardingTaskGroup { group in
                        for await key in orchestrator.expiries {
                            group.addTask { await tell(key) { try await supervisor.momentCame(key) } }
                        }
                    }
                }
                for executor in executors {
                    group.addTask {
                        await withDiscardingTaskGroup { group in
                            for await end in executor.ends {
                                group.addTask {
                                    await tell(end.key) { try await supervisor.builderEnded(end.key, end.how) }
                                }
                            }
                        }
                    }
                }
                group.addTask { await reapNowAndThen() }
            }
        }
    }

    private func tell(_ key: JobKey, _ what: () async throws -> Void) async {
        do { try await what() } catch {
            // Told again: by the state machine, the next look at leases, or the next look for leftovers.
            logger.warning("an event could not be stored", metadata: ["job": "\(key)", "error": "\(error)"])
        }
    }

    private func reapNowAndThen() async {
        while true {
            do { try await clock.sleep(for: reapInterval) } catch { return }
            await executors.reap(for: attempts, logger)
        }
    }
}

extension [any Executor] {
    /// Ends what runs for attempts that aren't live, whichever manager started it.
    func reap(for attempts: BuildAttemptService, _ logger: Logger) async {
        let live = LiveAttempts { found in
            do { return found.intersection(try await attempts.live().map(\.key)) } catch {
                logger.error("leftovers can't be told from running builds", metadata: ["error": "\(error)"])
                return nil
            }
        }
        for executor in self { await executor.reap(keeping: live) }
    }
}
