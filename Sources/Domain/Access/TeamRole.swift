/// What a team's members may do in their organization; each role includes the ones before it.
package enum TeamRole: String, Sendable, Hashable, Comparable, CaseIterable {
    case member, creator, admin

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .member: 0
        case .creator: 1
        case .admin: 2
        }
    }
}
