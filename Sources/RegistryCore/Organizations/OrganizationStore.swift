package import Domain
package import SQL

/// The SQL on `account` that asks for organizations.
package enum OrganizationStore {
    /// An organization that somebody is in, and the highest role they have there.
    package struct Membership: Sendable, Hashable {
        package let name: String
        package let email: String?
        package let role: TeamRole
    }

    /// The organizations that nobody but `accountID` administers, by name.
    package static func administeredOnly(by accountID: Int64, in transaction: any Transaction) throws -> [String] {
        try transaction.rows(
            """
            SELECT organization.name FROM account AS organization
            WHERE organization.kind = 'organization' AND organization.enabled = 1
                AND organization.id IN (SELECT team.organization_id FROM team
                    JOIN team_member ON team_member.team_id = team.id
                    WHERE team_member.account_id = \(accountID) AND team.role = 'admin')
                AND NOT EXISTS (SELECT 1 FROM team JOIN team_member ON team_member.team_id = team.id
                    JOIN account AS other ON other.id = team_member.account_id
                    WHERE team.organization_id = organization.id AND team.role = 'admin'
                        AND other.id <> \(accountID) AND other.kind = 'user' AND other.enabled = 1)
            ORDER BY organization.name
            """
        ).map { try $0.text("name") }
    }

    /// The organizations that `accountID` is in, by name.
    package static func memberships(of accountID: Int64, in transaction: any Transaction) throws -> [Membership] {
        let rows = try transaction.rows(
            """
            SELECT DISTINCT organization.name, organization.email, team.role
            FROM team_member JOIN team ON team.id = team_member.team_id
                JOIN account AS organization ON organization.id = team.organization_id
            WHERE team_member.account_id = \(accountID) AND organization.enabled = 1
            """)
        var highest: [String: Membership] = [:]
        for row in rows {
            let name = try row.text("name")
            guard let role = TeamRole(rawValue: try row.text("role")), role >= highest[name]?.role ?? .member else {
                continue
            }
            highest[name] = Membership(name: name, email: try row.textIfAny("email"), role: role)
        }
        return highest.values.sorted { $0.name < $1.name }
    }
}
