import Logging
import RegistryCore
import ServiceLifecycle

/// Every background step of RegistryLite with its interval.
enum WorkerList {
    static func workers(_ services: Registry, _ configuration: Configuration, logger: Logger) -> [any Service] {
        let clock = services.platform.clock
        let sessions = SessionCleanupStep(platform: services.platform)
        let uploads = UploadCleanupStep(platform: services.platform)
        let (collecting, deleting) = (WorkPace(clock: clock), WorkPace(clock: clock))
        let collection = CollectionStep(platform: services.platform, between: { try await collecting.rest() })
        let quotas = QuotaCountStep(
            platform: services.platform, meter: services.quotaMeter, settings: services.site.quotas)
        var workers = [
            PeriodicWorker(name: "quota count", interval: .seconds(30), clock: clock, logger: logger) {
                try await quotas.run()
            },
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
            let deletion = DeletionStep(
                platform: services.platform, scope: scope, between: { try await deleting.rest() })
            workers.append(
                PeriodicWorker(name: "deletion", interval: period, clock: clock, logger: logger) {
                    try await deletion.run()
                })
        }
        if configuration.features.buildSupport { workers.append(logArchive(services, configuration, logger: logger)) }
        return workers + accessWorkers(services, logger: logger)
    }

    /// What moves the logs of builds that have ended into the object store.
    private static func logArchive(
        _ services: Registry, _ configuration: Configuration, logger: Logger
    ) -> PeriodicWorker {
        let archive = BuildLogArchiveStep(
            platform: services.platform, settings: services.site.logArchive, cache: services.buildLogCache)
        return PeriodicWorker(
            name: "log archive", interval: configuration.storage.logArchivePeriod, clock: services.platform.clock,
            logger: logger
        ) { try await archive.run() }
    }

    /// Keys, credentials and what is known of their use.
    private static func accessWorkers(_ services: Registry, logger: Logger) -> [any Service] {
        let clock = services.platform.clock
        let appTokens = AppTokenCleanupStep(
            platform: services.platform, retention: services.site.credentials.expiredAppTokenRetention)
        let unknownLogins = UnknownLoginCleanupStep(platform: services.platform)
        let events = EventCleanupStep(platform: services.platform)
        let keys = KeyRotationStep(keys: services.serviceKeys)
        return [
            // A revoked key is believed for as long as this.
            PeriodicWorker(name: "service keys", interval: .seconds(3), clock: clock, logger: logger) {
                try await keys.run()
            },
            // What a killed program loses of the pulls is what came since the last turn.
            PeriodicWorker(name: "pull log", interval: .seconds(1), clock: clock, logger: logger) {
                try await services.pullLog.flush()
            },
            PeriodicWorker(name: "app token cleanup", interval: .seconds(600), clock: clock, logger: logger) {
                try await appTokens.run()
            },
            PeriodicWorker(name: "unknown login cleanup", interval: .seconds(600), clock: clock, logger: logger) {
                try await unknownLogins.run()
            },
            PeriodicWorker(name: "event cleanup", interval: .seconds(600), clock: clock, logger: logger) {
                try await events.run()
            },
        ]
    }
}
