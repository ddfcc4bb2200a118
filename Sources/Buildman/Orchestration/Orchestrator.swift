import Domain
import Foundation

/// What managers share about a running job beyond the database: who runs it, and until when it counts as alive.
struct JobRecord: Sendable, Hashable {
    let key: JobKey
    let executor: String
    let executionID: String
}

/// Holds the running jobs with the moments at which they expire, and says when one has.
///
/// The database decides outcomes; an orchestrator only remembers and wakes. Losing everything it holds costs nothing but
/// a fresh wait for each builder's next sign of life. Every call may be repeated.
protocol Orchestrator: Sendable {
    /// Remembers a job until it expires at `moment`; replaces what was known of it.
    func put(_ record: JobRecord, expiresAt moment: Date) async throws

    /// Moves a job's expiry; without effect for an unknown job.
    func move(_ key: JobKey, expiresAt moment: Date) async throws

    func remove(_ key: JobKey) async throws

    /// Jobs whose moment has come. Each is told once, to one manager; the job stays until it is removed or moved.
    var expiries: AsyncStream<JobKey> { get }
}
