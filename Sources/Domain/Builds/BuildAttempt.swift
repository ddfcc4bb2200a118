package import struct Foundation.Date

/// One launch of a build. It is live until it ends, and it ends once.
package struct BuildAttempt: Sendable, Hashable {
    package let id: Int64
    package let buildID: Int64
    package let key: JobKey
    /// The claim on the build's queue item that the attempt works under.
    package let claim: QueueItem.Claim
    /// The manager that heard its builder last, or that launched it.
    package let manager: String
    /// The name of the executor that started it, and what that executor calls it; nil until it has been started.
    package let executor: String?
    package let executionID: String?
    package let createdAt: Date
    package let registeredAt: Date?
    package let heartbeatAt: Date?
    /// Until when it is believed alive without another sign of life.
    package let leaseExpires: Date
    /// When it must have ended, whatever it does.
    package let deadline: Date
    package let endedAt: Date?

    package init(
        id: Int64, buildID: Int64, key: JobKey, claim: QueueItem.Claim, manager: String, executor: String?,
        executionID: String?, createdAt: Date, registeredAt: Date?, heartbeatAt: Date?, leaseExpires: Date,
        deadline: Date, endedAt: Date?
    ) {
        self.id = id
        self.buildID = buildID
        self.key = key
        self.claim = claim
        self.manager = manager
        self.executor = executor
        self.executionID = executionID
        self.createdAt = createdAt
        self.registeredAt = registeredAt
        self.heartbeatAt = heartbeatAt
        self.leaseExpires = leaseExpires
        self.deadline = deadline
        self.endedAt = endedAt
    }

    package var isLive: Bool { endedAt == nil }
}
