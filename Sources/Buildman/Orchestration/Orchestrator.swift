import Domain
import Foundation
import ServiceLifecycle

/// What managers share about a running job beyond the database.
struct JobRecord: Sendable, Hashable {
    let key: JobKey
    let queueItemID: Int64
    /// The executor that runs its builder, and what that executor calls it; empty while it is being started.
    let executor: String
    let executionID: String
    let createdAt: Date
    /// When it must have ended.
    let deadline: Date
}

extension JobRecord {
    /// - Parameter executor: the executor that is about to start it, where the attempt doesn't name one yet.
    init(_ attempt: BuildAttempt, executor: String?) {
        self.init(
            key: attempt.key, queueItemID: attempt.claim.itemID, executor: attempt.executor ?? executor ?? "",
            executionID: attempt.executionID ?? "", createdAt: attempt.createdAt, deadline: attempt.deadline)
    }
}

/// Holds the running jobs with the moments at which they expire, and says when one has.
///
/// The database decides outcomes; an orchestrator only remembers and wakes. Losing everything it holds costs nothing but
/// a wait: so its calls don't fail, they take effect when they can. Every call may be repeated. It works while `run` does.
protocol Orchestrator: Service {
    /// Several managers may work with it on one database.
    var isShared: Bool { get }

    /// Remembers a job that this manager watches until it expires at `moment`; replaces what was known of it.
    func put(_ record: JobRecord, expiresAt moment: Date) async

    /// Moves a job's expiry, also that of a job that another manager put; without effect for an unknown job.
    func move(_ key: JobKey, expiresAt moment: Date) async

    /// Another manager watches the job now: what is shared of it stays.
    func release(_ key: JobKey) async

    func remove(_ key: JobKey) async

    /// Jobs whose moment has come, whoever put them. Each is told to one manager; the job stays until it is removed or
    /// moved, and may be told again when nothing of that happens for a while. One consumer.
    var expiries: AsyncStream<JobKey> { get }
}
