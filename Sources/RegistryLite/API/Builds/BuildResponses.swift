import Domain
import Foundation
import RegistryCore

/// A build and its log as clients see them. Source: Quay 1.12.
enum BuildResponses {
    /// - Parameters:
    ///   - isWriter: whether the caller may write to the repository.
    ///   - archiveURL: where the source is; nil for callers who may not know.
    ///   - readsLogs: whether the caller may read the build's log.
    static func build(
        _ view: BuildView, isWriter: Bool, archiveURL: String?, readsLogs: Bool
    ) -> JSONValue {
        let config = view.build.config
        return [
            "id": .string(view.build.uuid), "phase": .string(view.shownPhase.text),
            "started": .string(RFC2822.text(view.build.startedAt)), "display_name": .string(view.build.displayName),
            "status": status(view), "subdirectory": .string(config.dockerfilePath),
            "dockerfile_path": .string(config.dockerfilePath), "context": .string(config.context),
            "tags": .array(config.dockerTags.map(JSONValue.string)), "manual_user": JSONValue(config.manualUser),
            "is_writer": .bool(isWriter), "trigger": .null, "trigger_metadata": .null,
            "resource_key": JSONValue(view.build.resourceKey),
            "pull_robot": view.build.pullRobot.map {
                ["name": .string($0.text), "kind": "user", "is_robot": true]
            } ?? .null,
            "repository": [
                "namespace": .string(view.repository.namespace.text), "name": .string(view.repository.name),
            ],
            "error": .null, "archive_url": JSONValue(archiveURL),
            "logs_archived": .bool(view.build.areLogsArchived),
            "timeline": TimelineResponse.timeline(view.timeline, showsCauses: readsLogs),
        ]
    }

    static func logs(_ page: BuildLogPage) -> JSONValue {
        [
            "start": .integer(Int64(page.start)), "total": .integer(Int64(page.total)),
            "logs": .array(page.entries.map(entry)),
        ]
    }

    static func entry(_ entry: BuildLogEntry) -> JSONValue {
        var members: [String: JSONValue] = ["message": .string(entry.message)]
        if let kind = entry.kind { members["type"] = .string(kind.rawValue) }
        if !entry.data.isEmpty { members["data"] = .object(entry.data.mapValues(JSONValue.string)) }
        return .object(members)
    }

    /// When the builder was heard last, in seconds since 1970; nothing before it was.
    private static func status(_ view: BuildView) -> JSONValue {
        guard let heartbeat = view.heartbeatAt else { return [:] }
        return ["heartbeat": .integer(Int64(heartbeat.timeIntervalSince1970))]
    }
}
