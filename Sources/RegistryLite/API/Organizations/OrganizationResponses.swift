import Domain
import RegistryCore

/// How organizations look in the API: more to members, everything to administrators.
enum OrganizationResponses {
    static func organization(_ view: OrganizationService.View) -> JSONValue {
        let isAdmin = view.right?.includes(.administer) ?? false
        let organization = view.organization
        var reply: [String: JSONValue] = [
            "name": .string(organization.name), "email": .string(isAdmin ? organization.email ?? "" : ""),
            "avatar": AvatarResponse.avatar(organization), "is_admin": .bool(isAdmin),
            "is_member": .bool(view.right != nil),
        ]
        if view.right != nil {
            reply["teams"] = .object(
                Dictionary(view.teams.map { ($0.name, team($0, isAdmin: isAdmin)) }) { _, new in new })
            reply["ordered_teams"] = .array(view.teams.map { .string($0.name) })
        }
        if isAdmin {
            reply["invoice_email"] = false
            reply["invoice_email_address"] = .null
            reply["tag_expiration_s"] = .integer(Int64(organization.tagExpirationSeconds))
            reply["is_free_account"] = true
        }
        return .object(reply)
    }

    private static func team(_ team: Team, isAdmin: Bool) -> JSONValue {
        [
            "name": .string(team.name), "description": .string(team.description), "role": .string(team.role.rawValue),
            "avatar": AvatarResponse.avatar(team.name, .team), "can_view": .bool(isAdmin),
            "repo_count": .integer(Int64(team.repositoryCount)), "member_count": .integer(Int64(team.memberCount)),
            "is_synced": false,
        ]
    }
}
