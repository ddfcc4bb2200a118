import Logging
import RegistryCore
import Runtime
import SQL
import ServiceLifecycle

/// Notices that somebody has ended an attempt in the database, which is where cancellations are written, and stops its
/// builder.
struct CancellationWatch: Service {
    let database: any Database
    let supervisor: JobSupervisor
    let clock: WallClock
    let pollInterval: Duration
    let logger: Logger

    func run() async throws {
        let wakeUps = database.wakeUps(.builds, orEvery: pollInterval, clock: clock)
        for await _ in wakeUps.cancelOnGracefulShutdown() {
            do { try await supervisor.forgetEndedElsewhere() } catch {
                logger.error("cancelled builds can't be looked up", metadata: ["error": "\(error)"])
            }
        }
    }
}
