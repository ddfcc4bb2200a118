import Domain
import Logging
import RegistryCore
import Runtime
import SQL
import ServiceLifecycle

/// Notices that somebody has ended an attempt in the database, which is where cancellations are written, and stops its
/// builder; also that of a manager that is dead, or slow.
struct CancellationWatch: Service {
    /// How long ago an attempt may have ended by the clock of the machine that ended it. What is older is left to the
    /// executors' look for leftovers.
    static let window: Duration = .seconds(120)

    let database: any Database
    let attempts: BuildAttemptService
    let supervisor: JobSupervisor
    let clock: WallClock
    let pollInterval: Duration
    let logger: Logger

    func run() async throws {
        let wakeUps = database.wakeUps(.builds, orEvery: pollInterval, clock: clock)
        await withDiscardingTaskGroup { group in
            for await _ in wakeUps.cancelOnGracefulShutdown() {
                do {
                    try await supervisor.lookForChanges()
                    for attempt in try await attempts.stopped(within: Self.window) {
                        group.addTask { await supervisor.stopLeftBehind(attempt) }
                    }
                } catch {
                    logger.error("cancelled builds can't be looked up", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
