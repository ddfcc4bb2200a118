import Logging
import RegistryCore
import ServiceLifecycle

/// Every background step of RegistryLite with its interval.
enum WorkerList {
    static func workers(_ services: Registry, _ configuration: Configuration, logger: Logger) -> [any Service] {
        let clock = services.platform.clock
        let sessions = SessionCleanupStep(platform: services.platform)
        let uploads = UploadCleanupStep(platform: services.platform)
        let collection = CollectionStep(platform: services.platform)
        var workers = [
            PeriodicWorker(name: "session cleanup", interval: .seconds(600), clock: clock, logger: logger) {
                try await sessions.run()
            },
            PeriodicWorker(name: "upload cleanup", interval: .seconds(600), clock: clock, logger: logger) {
                try await uploads.run()
            },
        ]
        let period = configuration.registry.garbageCollectionPeriod
        if configuration.features.garbageCollection {
            workers.append(
                PeriodicWorker(name: "garbage collection", interval: period, clock: clock, logger: logger) {
                    try await collection.run()
                })
        }
        var scope: DeletionStep.Scope = []
        if configuration.features.repositoryGarbageCollection { scope.insert(.repositories) }
        if configuration.features.namespaceGarbageCollection { scope.insert(.namespaces) }
        if !scope.isEmpty {
            let deletion = DeletionStep(platform: services.platform, scope: scope)
            workers.append(
                PeriodicWorker(name: "deletion", interval: period, clock: clock, logger: logger) {
                    try await deletion.run()
                })
        }
        return workers
    }
}
