package import struct Foundation.Date

/// A build of a repository: its row and, once it has ended, its outcome.
package struct Build: Sendable, Hashable {
    package let id: Int64
    package let uuid: String
    package let repositoryID: Int64
    package let phase: BuildPhase
    package let displayName: String
    package let config: BuildJobConfig
    /// The uploaded file that it builds; nil for an archive address.
    package let resourceKey: String?
    package let pullRobot: RobotName?
    /// Its place in the work queue; nil once it needs none.
    package let queueItemID: Int64?
    package let startedAt: Date
    package let endedAt: Date?
    package let areLogsArchived: Bool

    package init(
        id: Int64, uuid: String, repositoryID: Int64, phase: BuildPhase, displayName: String, config: BuildJobConfig,
        resourceKey: String?, pullRobot: RobotName?, queueItemID: Int64?, startedAt: Date, endedAt: Date?,
        areLogsArchived: Bool
    ) {
        self.id = id
        self.uuid = uuid
        self.repositoryID = repositoryID
        self.phase = phase
        self.displayName = displayName
        self.config = config
        self.resourceKey = resourceKey
        self.pullRobot = pullRobot
        self.queueItemID = queueItemID
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.areLogsArchived = areLogsArchived
    }
}
