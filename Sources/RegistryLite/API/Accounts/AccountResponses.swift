import Domain
import RegistryCore

/// How users look in the API. Source: Quay, user view.
enum AccountResponses {
    /// What everybody may see.
    static func publicView(_ account: Account) -> JSONValue {
        [
            "anonymous": false, "username": .string(account.name), "avatar": AvatarResponse.avatar(account),
            "can_create_repo": false,
        ]
    }

    /// A user's own view.
    ///
    /// - Parameters:
    ///   - showsPrivate: the caller came with a session or `user:admin`.
    ///   - memberships: the organizations; nil for a caller without `user:read`.
    static func ownView(
        _ account: Account, showsPrivate: Bool, memberships: [OrganizationStore.Membership]?, isSuperuser: Bool
    ) -> JSONValue {
        var view: [String: JSONValue] = [
            "anonymous": false, "username": .string(account.name), "avatar": AvatarResponse.avatar(account),
        ]
        if showsPrivate { view.merge(privateView(account)) { _, new in new } }
        if let memberships { view["organizations"] = .array(memberships.map(organization)) }
        if isSuperuser { view["super_user"] = true }
        return .object(view)
    }

    private static func privateView(_ account: Account) -> [String: JSONValue] {
        [
            "can_create_repo": true, "is_me": true, "verified": .bool(account.isVerified),
            "email": JSONValue(account.email),
            "logins": [], "invoice_email": false, "invoice_email_address": nil, "preferred_namespace": true,
            "tag_expiration_s": .integer(Int64(account.tagExpirationSeconds)), "prompts": [],
            "company": JSONValue(account.profile.company), "family_name": JSONValue(account.profile.familyName),
            "given_name": JSONValue(account.profile.givenName), "location": JSONValue(account.profile.location),
            "is_free_account": true, "has_password_set": true,
        ]
    }

    private static func organization(_ membership: OrganizationStore.Membership) -> JSONValue {
        [
            "name": .string(membership.name),
            "avatar": AvatarResponse.avatar(membership.name, .organization, email: membership.email),
            "can_create_repo": .bool(membership.role >= .creator), "public": false,
            "is_org_admin": .bool(membership.role == .admin), "preferred_namespace": false,
        ]
    }

    /// The answer to a sign-in that failed. Source: Quay, sign in.
    static func refusedSignIn(_ message: String, invalidCredentials: Bool) -> JSONReply {
        JSONReply(
            status: 403,
            [
                "needsEmailVerification": false, "invalidCredentials": .bool(invalidCredentials),
                "message": .string(message),
            ])
    }
}
