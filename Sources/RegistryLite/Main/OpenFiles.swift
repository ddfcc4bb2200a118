import Glibc
import Logging

/// How many files and connections the operating system lets this process have open.
enum OpenFiles {
    /// What the program needs besides connections: database, stored objects, logs.
    private static let reserve = 256

    /// Raises the process's limit as far as it may, and answers how many connections fit.
    static func cap(wanted: Int, logger: Logger) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            // A process that may not raise it lives with what it has, which is read again.
            _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        let fitting = max(1, Int(clamping: limit.rlim_cur) - reserve)
        guard fitting < wanted else { return wanted }
        logger.notice("the limit on open files allows \(fitting) connections, not MAX_CONNECTIONS: \(wanted)")
        return fitting
    }
}
