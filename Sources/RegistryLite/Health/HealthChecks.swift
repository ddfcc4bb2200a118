import Logging
import RegistryCore

/// Tries what the registry stands on. Each check says yes or no, and to those who may know, why not; the reason goes to the
/// log too.
struct HealthChecks: Sendable {
    struct Result: Sendable, Hashable {
        /// Nil when all is well.
        let failure: String?

        static let well = Result(failure: nil)
        var isWell: Bool { failure == nil }
    }

    let health: HealthService

    /// What this process needs to serve.
    func instance(_ logger: Logger) async -> [String: Result] {
        var parts = await endToEnd(logger)
        parts["service_key"] = await tried("service_key", logger) { try await health.checkServiceKey() }
        parts["disk_space"] = await tried("disk_space", logger) {
            try await health.checkFreeSpace(atLeast: HealthService.minimumFreeBytes)
        }
        return parts
    }

    /// Whether the disk will last a while.
    func space(_ logger: Logger) async -> [String: Result] {
        [
            "disk_space_warning": await tried("disk_space_warning", logger) {
                try await health.checkFreeSpace(atLeast: HealthService.lowFreeBytes)
            }
        ]
    }

    /// What the whole registry needs. Redis is among it by name only: this program uses none, so nothing can fail.
    func endToEnd(_ logger: Logger) async -> [String: Result] {
        [
            "auth": await tried("auth", logger) { try await health.checkAccounts() },
            "database": await tried("database", logger) { try await health.checkDatabase() },
            "redis": .well,
            "storage": await tried("storage", logger) { try await health.checkStorage() },
        ]
    }

    func schema(_ logger: Logger) async -> [String: Result] {
        ["database": await tried("database", logger) { try await health.checkAccounts() }]
    }

    private func tried(_ name: String, _ logger: Logger, _ check: () async throws -> Void) async -> Result {
        do {
            try await check()
            return .well
        } catch {
            logger.error("health check \(name) failed: \(error)")
            return Result(failure: "\(error)")
        }
    }
}
