/// The value of Redis's `notify-keyspace-events`: which events of which keys are told. Source: redis.conf.
enum KeyspaceFlags {
    /// `current` with what is missing for hearing of keys that expire; equal to `current` when nothing is. What others have
    /// asked for stays.
    static func withExpiry(_ current: String) -> String {
        var flags = current
        if !flags.contains("K") { flags.append("K") }
        // A stands for all kinds of events, expiry among them.
        if !flags.contains("x"), !flags.contains("A") { flags.append("x") }
        return flags
    }
}
