package import Domain
package import SQL

/// All SQL on `repository_permission`, and on team rights as far as access asks for them.
package enum PermissionStore {
    /// The highest role that `accountID` holds in a repository by itself or through its teams; nil for none.
    package static func role(
        of accountID: Int64, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> RepositoryRole? {
        try transaction.rows(
            """
            SELECT role FROM repository_permission WHERE repository_id = \(repositoryID) AND account_id = \(accountID)
            UNION ALL
            SELECT permission.role FROM repository_permission AS permission
                JOIN team_member ON team_member.team_id = permission.team_id
            WHERE permission.repository_id = \(repositoryID) AND team_member.account_id = \(accountID)
            """
        ).compactMap { RepositoryRole(rawValue: try $0.text("role")) }.max()
    }

    /// The highest role that `accountID` holds in any team of an organization; nil when it is in none.
    package static func teamRole(
        of accountID: Int64, inOrganization organizationID: Int64, in transaction: any Transaction
    ) throws -> TeamRole? {
        try transaction.rows(
            """
            SELECT team.role FROM team JOIN team_member ON team_member.team_id = team.id
            WHERE team.organization_id = \(organizationID) AND team_member.account_id = \(accountID)
            """
        ).compactMap { TeamRole(rawValue: try $0.text("role")) }.max()
    }

    /// Gives `accountID` exactly `role` in a repository, whatever it held there before.
    package static func grant(
        _ role: RepositoryRole, to accountID: Int64, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO repository_permission (repository_id, account_id, role)
            VALUES (\(repositoryID), \(accountID), \(role.rawValue))
            ON CONFLICT (repository_id, account_id) DO UPDATE SET role = excluded.role
            """)
    }
}
