/// Keeps the service keys of this replica those of the database, and makes the next one in time. Idempotent; started by a
/// timer, every few seconds: that is how long a revoked key is still believed.
package struct KeyRotationStep: Sendable {
    private let keys: ServiceKeys

    package init(keys: ServiceKeys) { self.keys = keys }

    package func run() async throws { try await keys.refresh() }
}
