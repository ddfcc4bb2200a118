package import Domain
package import Foundation
package import SQL

/// All SQL on `build`.
package enum BuildStore {
    /// What a new row needs beyond its configuration.
    package struct NewBuild: Sendable {
        package let uuid: String
        package let repositoryID: Int64
        package let displayName: String
        package let config: BuildJobConfig
        package let resourceKey: String?
        package let manualUserID: Int64?
        package let pullRobotID: Int64?
        package let startedAt: Date

        package init(
            uuid: String, repositoryID: Int64, displayName: String, config: BuildJobConfig, resourceKey: String?,
            manualUserID: Int64?, pullRobotID: Int64?, startedAt: Date
        ) {
            self.uuid = uuid
            self.repositoryID = repositoryID
            self.displayName = displayName
            self.config = config
            self.resourceKey = resourceKey
            self.manualUserID = manualUserID
            self.pullRobotID = pullRobotID
            self.startedAt = startedAt
        }
    }

    /// Adds a build in phase `waiting` with its place in the queue.
    package static func insert(_ build: NewBuild, queueItemID: Int64, in transaction: any Transaction) throws {
        let config = String(decoding: try JSONEncoder.sorted.encode(build.config), as: UTF8.self)
        try transaction.run(
            """
            INSERT INTO build (uuid, repository_id, resource_key, job_config_json, phase, display_name, manual_user_id,
                pull_robot_id, queue_item_id, started_ms)
            VALUES (\(build.uuid), \(build.repositoryID), \(build.resourceKey), \(config), \(BuildPhase.waiting.rawValue),
                \(build.displayName), \(build.manualUserID), \(build.pullRobotID), \(queueItemID), \(build.startedAt))
            """)
    }

    /// The build of that uuid in one repository: the same uuid asked for through another repository is not found.
    package static func find(
        _ uuid: String, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> Build? {
        try transaction.row(
            "\(columns) WHERE build.uuid = \(uuid) AND build.repository_id = \(repositoryID)"
        ).map(build)
    }

    /// The build of that uuid wherever it is: for programs that were given the uuid by the queue or by a job token.
    package static func find(uuid: String, in transaction: any Transaction) throws -> Build? {
        try transaction.row("\(columns) WHERE build.uuid = \(uuid)").map(build)
    }

    package static func find(id: Int64, in transaction: any Transaction) throws -> Build? {
        try transaction.row("\(columns) WHERE build.id = \(id)").map(build)
    }

    /// The newest builds of a repository, newest first.
    package static func list(
        inRepository repositoryID: Int64, since: Date?, limit: Int, in transaction: any Transaction
    ) throws -> [Build] {
        try transaction.rows(
            """
            \(columns) WHERE build.repository_id = \(repositoryID) AND build.started_ms >= \(since ?? .init(timeIntervalSince1970: 0))
            ORDER BY build.started_ms DESC, build.id DESC LIMIT \(limit)
            """
        ).map(build)
    }

    /// The builds that wait, run, or will be tried again, of a repository or of a namespace.
    package static func unfinished(
        of owner: UnfinishedBuilds.Owner, in transaction: any Transaction
    ) throws -> [Build] {
        let final = [BuildPhase.complete, .error, .cancelled].map(\.rawValue)
        let query: Query = "\(columns) WHERE build.phase NOT IN (\(list: final))"
        switch owner {
        case .repository(let id):
            return try transaction.rows(query + "AND build.repository_id = \(id)").map(build)
        case .namespace(let id):
            return try transaction.rows(
                query + "AND build.repository_id IN (SELECT id FROM repository WHERE namespace_id = \(id))"
            ).map(build)
        }
    }

    /// Moves a build to `phase` unless it has ended for good. False when it has; true as well when it is there already.
    @discardableResult
    package static func setPhase(
        _ phase: BuildPhase, of buildID: Int64, endedAt: Date?, errorCode: String? = nil,
        in transaction: any Transaction
    ) throws -> Bool {
        let final = [BuildPhase.complete, .error, .cancelled].map(\.rawValue)
        return try transaction.run(
            """
            UPDATE build SET phase = \(phase.rawValue), ended_ms = \(endedAt), error_code = \(errorCode)
            WHERE id = \(buildID) AND phase NOT IN (\(list: final))
            """) == 1
    }

    /// How many builds a namespace may have in the queue; nil for any number.
    package static func maximumQueuedBuilds(
        ofNamespace id: Int64, in transaction: any Transaction
    ) throws -> Int? {
        try transaction.row("SELECT maximum_queued_builds_count FROM account WHERE id = \(id)")?
            .intIfAny("maximum_queued_builds_count")
    }

    private static let columns: Query = """
        SELECT build.id, build.uuid, build.repository_id, build.resource_key, build.job_config_json, build.phase,
            build.display_name, build.queue_item_id, build.started_ms, build.ended_ms, build.logs_archived,
            robot.name AS robot_name
        FROM build LEFT JOIN account AS robot ON robot.id = build.pull_robot_id
        """

    private static func build(_ row: Row) throws -> Build {
        guard let phase = BuildPhase(rawValue: try row.text("phase")) else {
            throw DatabaseError(.decoding, "Build \(try row.text("uuid")) has an unknown phase.")
        }
        return Build(
            id: try row.integer("id"), uuid: try row.text("uuid"), repositoryID: try row.integer("repository_id"),
            phase: phase, displayName: try row.text("display_name"),
            config: try JSONDecoder().decode(
                BuildJobConfig.self, from: Data(try row.text("job_config_json").utf8)),
            resourceKey: try row.textIfAny("resource_key"),
            pullRobot: try row.textIfAny("robot_name").map { try RobotName($0) },
            queueItemID: try row.integerIfAny("queue_item_id"), startedAt: try row.date("started_ms"),
            endedAt: try row.dateIfAny("ended_ms"), areLogsArchived: try row.bool("logs_archived"))
    }
}

extension JSONEncoder {
    /// Keys in a fixed order, slashes as they are: the same value always gives the same text.
    static var sorted: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}
