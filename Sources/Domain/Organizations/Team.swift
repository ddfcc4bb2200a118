/// A group of users and robots of one organization, who share a role in it.
package struct Team: Sendable, Hashable {
    package let id: Int64
    /// Follows the username rule.
    package let name: String
    package let role: TeamRole
    package let description: String
    package let memberCount: Int
    package let repositoryCount: Int

    package init(id: Int64, name: String, role: TeamRole, description: String, memberCount: Int, repositoryCount: Int) {
        self.id = id
        self.name = name
        self.role = role
        self.description = description
        self.memberCount = memberCount
        self.repositoryCount = repositoryCount
    }
}
