import Domain
import Logging
import Runtime
import ServiceLifecycle

/// Carries what orchestrator and executors notice to the supervisor: expiries, and builders that end by themselves; and
/// ends, every minute, whatever runs for attempts that aren't live.
struct JobEvents: Service {
    let supervisor: JobSupervisor
    let orchestrator: any Orchestrator
    let executors: [any Executor]
    let clock: WallClock
    let reapInterval: Duration
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await key in orchestrator.expiries { await tell(.timerFired, of: key) } }
                for executor in executors {
                    group.addTask {
                        for await end in executor.ends { await tell(.executorEnded(end.how), of: end.key) }
                    }
                }
                group.addTask { await reapNowAndThen() }
            }
        }
    }

    private func tell(_ event: JobStateMachine.Event, of key: JobKey) async {
        do { try await supervisor.handle(event, of: key) } catch {
            // Already logged where it happened; the state machine asks for another try.
            logger.debug("an event could not be stored", metadata: ["job": "\(key)", "error": "\(error)"])
        }
    }

    private func reapNowAndThen() async {
        while true {
            do { try await clock.sleep(for: reapInterval) } catch { return }
            let live = Set(await supervisor.running.map(\.key))
            for executor in executors { await executor.reap(keeping: live) }
        }
    }
}
