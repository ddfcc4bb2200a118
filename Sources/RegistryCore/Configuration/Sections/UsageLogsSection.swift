/// Usage logs: where they are, how long, and how they are exported.
package struct UsageLogsSection: Sendable {
    package enum Model: String, Sendable, CaseIterable { case database }

    package let model: Model
    /// ACTION_LOG_ROTATION_THRESHOLD: older rows are archived when FEATURE_ACTION_LOG_ROTATION is on.
    package let rotationThreshold: Duration
    package let archiveLocation: String?
    package let archivePath: String
    /// ACTION_LOG_MAX_PAGE; nil: no cap.
    package let maximumPage: Int?
    /// ALLOW_PULLS_WITHOUT_STRICT_LOGGING: a pull whose log can't be written is answered all the same.
    package let allowsUnloggedPulls: Bool
    /// DISABLED_FOR_AUDIT_LOGS, DISABLED_FOR_PULL_LOGS: namespaces.
    package let unloggedNamespaces: Set<String>
    package let pullUnloggedNamespaces: Set<String>
    /// EXPORT_ACTION_LOGS_*.
    package let exportQueueName: String
    package let exportPollPeriod: Duration
    package let exportPath: String
    package let exportMaximumTime: Duration
    package let exportMaximumQueryTime: Duration
    package let exportURLLifetime: Duration
}

extension UsageLogsSection {
    init(_ reader: SectionReader) {
        model = reader.choice("LOGS_MODEL", default: .database)
        rotationThreshold = reader.duration("ACTION_LOG_ROTATION_THRESHOLD", default: .seconds(30 * 86_400))
        archiveLocation = reader.nonEmptyText("ACTION_LOG_ARCHIVE_LOCATION")
        archivePath = reader.text("ACTION_LOG_ARCHIVE_PATH", default: "actionlogarchive/")
        maximumPage = reader.integer("ACTION_LOG_MAX_PAGE", in: 1...1_000_000)
        allowsUnloggedPulls = reader.bool("ALLOW_PULLS_WITHOUT_STRICT_LOGGING", default: false)
        unloggedNamespaces = Set(reader.texts("DISABLED_FOR_AUDIT_LOGS"))
        pullUnloggedNamespaces = Set(reader.texts("DISABLED_FOR_PULL_LOGS"))
        exportQueueName = reader.text("EXPORT_ACTION_LOGS_QUEUE_NAME", default: "exportactionlogs")
        exportPollPeriod = reader.seconds("EXPORT_ACTION_LOGS_WORKER_POLL_PERIOD", default: 60, atLeast: 0.1)
        exportPath = reader.text("EXPORT_ACTION_LOGS_STORAGE_PATH", default: "exportedactionlogs")
        exportMaximumTime = reader.seconds("EXPORT_ACTION_LOGS_MAXIMUM_SECONDS", default: 3600, atLeast: 1)
        exportMaximumQueryTime = reader.seconds(
            "EXPORT_ACTION_LOGS_MAXIMUM_QUERY_TIME_SECONDS", default: 30, atLeast: 0.1)
        exportURLLifetime = reader.seconds("EXPORT_ACTION_LOGS_SECONDS", default: 3600, atLeast: 1)
    }
}
