import Logging
import RegistryCore

/// Tries what the registry stands on. Each check says only yes or no; the reason goes to the log.
struct HealthChecks: Sendable {
    let health: HealthService

    func instance(_ logger: Logger) async -> [String: Bool] {
        let database = await tried("database", logger) { try await health.checkDatabase() }
        let key = await tried("service_key", logger) { try await health.checkServiceKey() }
        return ["auth": database, "database": database, "service_key": key, "registry": true, "web": true]
    }

    func endToEnd(_ logger: Logger) async -> [String: Bool] {
        let database = await tried("database", logger) { try await health.checkDatabase() }
        return ["auth": database, "database": database]
    }

    func schema(_ logger: Logger) async -> [String: Bool] {
        ["database": await tried("database", logger) { try await health.checkDatabase() }]
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
