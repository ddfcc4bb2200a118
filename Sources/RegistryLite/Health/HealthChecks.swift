import Logging
import RegistryCore

/// Tries what the registry stands on. Each check says only yes or no; the reason goes to the log.
struct HealthChecks: Sendable {
    let health: HealthService

    /// What this process needs to serve.
    func instance(_ logger: Logger) async -> [String: Bool] {
        var parts = await endToEnd(logger)
        parts["service_key"] = await tried("service_key", logger) { try await health.checkServiceKey() }
        parts["disk_space"] = await tried("disk_space", logger) {
            try await health.checkFreeSpace(atLeast: HealthService.minimumFreeBytes)
        }
        return parts
    }

    /// The same, and whether the disk will last a while.
    func warning(_ logger: Logger) async -> [String: Bool] {
        var parts = await instance(logger)
        parts["disk_space_warning"] = await tried("disk_space_warning", logger) {
            try await health.checkFreeSpace(atLeast: HealthService.lowFreeBytes)
        }
        return parts
    }

    /// What the whole registry needs.
    func endToEnd(_ logger: Logger) async -> [String: Bool] {
        [
            "auth": await tried("auth", logger) { try await health.checkAccounts() },
            "database": await tried("database", logger) { try await health.checkDatabase() },
            "storage": await tried("storage", logger) { try await health.checkStorage() },
        ]
    }

    func schema(_ logger: Logger) async -> [String: Bool] {
        ["database": await tried("database", logger) { try await health.checkAccounts() }]
    }

    private func tried(_ name: String, _ logger: Logger, _ check: () async throws -> Void) async -> Bool {
        do {
            try await check()
            return true
        } catch {
            logger.error("health check \(name) failed: \(error)")
            return false
        }
    }
}
