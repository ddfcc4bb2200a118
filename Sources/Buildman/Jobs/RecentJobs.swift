import Domain

/// The names that were added last; the oldest go when there are too many.
struct RecentJobs: Sendable {
    private let limit: Int
    private var newer: Set<JobKey> = []
    private var older: Set<JobKey> = []

    /// - Parameter limit: so many are remembered at least, and twice as many at most.
    init(limit: Int) { self.limit = limit }

    func contains(_ key: JobKey) -> Bool { newer.contains(key) || older.contains(key) }

    mutating func insert(_ key: JobKey) {
        newer.insert(key)
        guard newer.count >= limit else { return }
        older = newer
        newer = []
    }
}
