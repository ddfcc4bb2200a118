import Logging
import Runtime
import ServiceLifecycle

/// Runs one background step again and again until the program stops. A step that fails is logged and tried again at the
/// next turn.
struct PeriodicWorker: Service {
    let name: String
    let interval: Duration
    let clock: WallClock
    let logger: Logger
    let step: @Sendable () async throws -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await step() } catch is CancellationError { break } catch {
                    logger.error("\(name) failed: \(error)")
                }
                do { try await clock.sleep(for: interval) } catch { break }
            }
        }
    }
}
