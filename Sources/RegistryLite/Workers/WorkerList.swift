import Logging
import RegistryCore
import ServiceLifecycle

/// Every background step of RegistryLite with its interval.
enum WorkerList {
    static func workers(_ services: Registry, logger: Logger) -> [any Service] {
        let clock = services.platform.clock
        let sessions = SessionCleanupStep(platform: services.platform)
        let uploads = UploadCleanupStep(platform: services.platform)
        return [
            PeriodicWorker(name: "session cleanup", interval: .seconds(600), clock: clock, logger: logger) {
                try await sessions.run()
            },
            PeriodicWorker(name: "upload cleanup", interval: .seconds(600), clock: clock, logger: logger) {
                try await uploads.run()
            },
        ]
    }
}
