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

    /// Takes a direct permission away; false when there was none.
    static func revoke(
        from accountID: Int64, inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            "DELETE FROM repository_permission WHERE repository_id = \(repositoryID) AND account_id = \(accountID)") > 0
    }

    /// One user's or robot's own permission in a repository.
    package struct Direct: Sendable, Hashable {
        package let accountID: Int64
        package let name: String
        package let email: String?
        package let isRobot: Bool
        package let role: RepositoryRole
        /// nil in a user's repository, where there are no members.
        package let isOrganizationMember: Bool?
    }

    /// The permissions that accounts hold by themselves, by name.
    static func direct(_ repository: Repository, in transaction: any Transaction) throws -> [Direct] {
        try transaction.rows(
            """
            SELECT account.id, account.name, account.email, account.kind, permission.role,
                EXISTS (SELECT 1 FROM team_member JOIN team ON team.id = team_member.team_id
                    WHERE team_member.account_id = account.id AND team.organization_id = \(repository.namespaceID))
                    AS is_member
            FROM repository_permission AS permission JOIN account ON account.id = permission.account_id
            WHERE permission.repository_id = \(repository.id) ORDER BY account.name
            """
        ).map { row in
            guard let role = RepositoryRole(rawValue: try row.text("role")) else {
                throw DatabaseError(.decoding, "A permission of repository \(repository.id) has an unknown role.")
            }
            return Direct(
                accountID: try row.integer("id"), name: try row.text("name"), email: try row.textIfAny("email"),
                isRobot: try row.text("kind") == Account.Kind.robot.rawValue, role: role,
                isOrganizationMember: repository.isOrganization ? try row.bool("is_member") : nil)
        }
    }
}
