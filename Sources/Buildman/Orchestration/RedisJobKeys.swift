import Domain

/// The names of everything that managers keep in Redis. Source: Quay 6.4, with the attempt's name in place of the build's:
/// `building/<build uuid>-<attempt>`.
struct RedisJobKeys: Sendable, Hashable {
    /// ORCHESTRATOR_PREFIX, as it is.
    let prefix: String
    /// REDIS_DB, which stands in the names of key events.
    let database: Int

    private static let expiringSuffix = "/expiring"

    /// What is known of the job.
    func job(_ key: JobKey) -> String { "\(prefix)building/\(key)" }
    /// Lives as long as the job's builder may be silent.
    func expiring(_ key: JobKey) -> String { job(key) + Self.expiringSuffix }
    /// The manager that handles the job's expiry.
    func expired(_ key: JobKey) -> String { job(key) + "/expired" }
    /// The set of the names of all jobs.
    var jobs: String { "\(prefix)jobs" }
    /// A key that expires at once: its event proves that events arrive.
    func probe(_ instance: String) -> String { "\(prefix)probe/\(instance)\(Self.expiringSuffix)" }

    /// The channels that tell of jobs that expire.
    var expiringPattern: String { channel("building/*") }
    /// The channel that tells of this manager's probe.
    func probePattern(_ instance: String) -> String { channel("probe/\(Self.escaped(instance))") }

    private func channel(_ name: String) -> String {
        "__keyspace@\(database)__:\(Self.escaped(prefix))\(name)\(Self.expiringSuffix)"
    }

    /// The job whose key event came over `channel`; nil for anything else.
    func job(ofChannel channel: String) -> JobKey? {
        let before = "__keyspace@\(database)__:\(prefix)building/"
        guard channel.hasPrefix(before), channel.hasSuffix(Self.expiringSuffix) else { return nil }
        return try? JobKey(String(channel.dropFirst(before.count).dropLast(Self.expiringSuffix.count)))
    }

    /// So that a pattern means the text itself.
    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            if "*?[]\\".contains(character) { escaped.append("\\") }
            escaped.append(character)
        }
    }
}
