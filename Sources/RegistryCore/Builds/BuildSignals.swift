package import SQL

extension Signal {
    /// A build was queued, cancelled, or changed its phase.
    package static let builds = Signal("builds")
    /// Some build's log has grown.
    package static let buildLogs = Signal("build_logs")
}
