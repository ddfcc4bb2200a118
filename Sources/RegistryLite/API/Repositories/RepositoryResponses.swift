import Domain
import RegistryCore

/// How repositories look in the API.
enum RepositoryResponses {
    /// One line of a list.
    static func item(_ repository: Repository) -> JSONValue {
        [
            "namespace": .string(repository.name.namespace.text), "name": .string(repository.name.name),
            "description": JSONValue(repository.description), "is_public": .bool(repository.visibility == .public),
            "kind": "image", "state": .string(repository.state.label),
        ]
    }

    /// - Parameter badgeToken: shown for private repositories only: a public one's badge needs none.
    static func detail(_ access: RepositoryAccess, badgeToken: String) -> JSONValue {
        let repository = access.repository
        let isPublic = repository.visibility == .public
        return item(repository).merging([
            "is_organization": .bool(repository.isOrganization), "is_starred": false,
            "status_token": .string(isPublic ? "" : badgeToken), "trust_enabled": false,
            "tag_expiration_s": .integer(Int64(repository.tagExpirationSeconds)), "is_free_account": true,
            "can_write": .bool(access.role >= .write && repository.state == .normal),
            "can_admin": .bool(access.role >= .admin),
        ])
    }
}
