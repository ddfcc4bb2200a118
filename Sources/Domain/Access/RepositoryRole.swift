/// What somebody may do in one repository; each role includes the ones before it.
package enum RepositoryRole: String, Sendable, Hashable, Comparable, CaseIterable {
    case read, write, admin

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .read: 0
        case .write: 1
        case .admin: 2
        }
    }
}
