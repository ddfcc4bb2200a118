package import Domain
package import SQL

/// All SQL on `team` and `team_member`.
package enum TeamStore {
    static func insert(
        _ name: String, role: TeamRole, organizationID: Int64, description: String = "", in transaction: any Transaction
    ) throws -> Int64 {
        let id = try transaction.number(
            """
            INSERT INTO team (organization_id, name, role, description)
            VALUES (\(organizationID), \(name), \(role.rawValue), \(description)) RETURNING id
            """)
        guard let id else { throw DatabaseError(.statement, "A team was not written.") }
        return id
    }

    static func add(_ accountID: Int64, toTeam teamID: Int64, in transaction: any Transaction) throws {
        try transaction.run(
            "INSERT INTO team_member (team_id, account_id) VALUES (\(teamID), \(accountID)) ON CONFLICT DO NOTHING")
    }

    /// The teams of an organization by name.
    package static func list(organizationID: Int64, in transaction: any Transaction) throws -> [Team] {
        try transaction.rows(
            """
            SELECT team.id, team.name, team.role, team.description,
                (SELECT COUNT(*) FROM team_member WHERE team_member.team_id = team.id) AS members,
                (SELECT COUNT(*) FROM repository_permission AS permission WHERE permission.team_id = team.id)
                    AS repositories
            FROM team WHERE team.organization_id = \(organizationID) ORDER BY team.name
            """
        ).map { row in
            guard let role = TeamRole(rawValue: try row.text("role")) else {
                throw DatabaseError(.decoding, "Team \(try row.integer("id")) has an unknown role.")
            }
            return Team(
                id: try row.integer("id"), name: try row.text("name"), role: role,
                description: try row.text("description"), memberCount: try row.int("members"),
                repositoryCount: try row.int("repositories"))
        }
    }

    /// Whether `accountID` is in any team of an organization.
    package static func isMember(
        _ accountID: Int64, ofOrganization organizationID: Int64, in transaction: any Transaction
    ) throws -> Bool {
        try PermissionStore.teamRole(of: accountID, inOrganization: organizationID, in: transaction) != nil
    }
}
