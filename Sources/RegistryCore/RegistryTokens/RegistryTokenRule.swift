/// How registry tokens are made and what a first push does; a slice of the configuration.
package struct RegistryTokenRule: Sendable {
    /// REGISTRY_JWT_AUTH_MAX_FRESH_S: no token that claims to live longer is accepted, in seconds.
    package var maximumLifetimeSeconds: Int64 = 3660
    /// CREATE_PRIVATE_REPO_ON_PUSH: the repository of a first push is private.
    package var createsPrivateRepositories = true
    /// CREATE_NAMESPACE_ON_PUSH: a push to a namespace that nobody has makes an organization of the pusher's.
    package var createsNamespaces = false
    /// REGISTRY_STATE is readonly: no token lets anything be pushed.
    package var isReadOnly = false

    package init() {}

    /// How long our tokens live. Source: Quay, an hour.
    package var lifetimeSeconds: Int64 { min(3600, maximumLifetimeSeconds) }
}
