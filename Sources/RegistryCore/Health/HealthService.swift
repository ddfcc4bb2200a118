import SQL

/// Tries what every request needs, for the health endpoints.
package struct HealthService: Sendable {
    private let platform: Platform
    private let keys: ServiceKeys

    package init(platform: Platform, keys: ServiceKeys) {
        self.platform = platform
        self.keys = keys
    }

    /// Throws what the database throws when it can't be read.
    package func checkDatabase() async throws {
        _ = try await platform.database.read { try AccountStore.hasUsers(in: $0) }
    }

    /// Throws when no registry token could be signed now.
    package func checkServiceKey() async throws { _ = try await keys.signingKeyID() }
}
