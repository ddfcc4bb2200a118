package import struct Foundation.Date

/// One line of the usage log: who did what to which repository of whose namespace.
package struct AuditEntry: Sendable, Hashable {
    package let kind: AuditKind
    /// The namespace whose log shows the entry.
    package let namespaceID: Int64
    package let performerID: Int64?
    package let repositoryID: Int64?
    package let at: Date
    package let ip: String?
    /// What the kind's sentence needs, such as `repo`, `tag`, `username`. Values are text, as the API shows them.
    package let metadata: [String: String]

    package init(
        _ kind: AuditKind, namespaceID: Int64, performerID: Int64?, repositoryID: Int64? = nil, at: Date,
        ip: String? = nil,
        metadata: [String: String] = [:]
    ) {
        self.kind = kind
        self.namespaceID = namespaceID
        self.performerID = performerID
        self.repositoryID = repositoryID
        self.at = at
        self.ip = ip
        self.metadata = metadata
    }
}

/// The kinds of usage log entries, by their names in the API. Source: Quay, log entry kinds.
package struct AuditKind: Sendable, Hashable {
    package let name: String
    package init(_ name: StaticString) { self.name = name.description }

    package static let createRepository = Self("create_repo")
    package static let changeRepositoryVisibility = Self("change_repo_visibility")
    package static let pushRepository = Self("push_repo")
    package static let pullRepository = Self("pull_repo")
    package static let deleteTag = Self("delete_tag")
    package static let createTag = Self("create_tag")
    package static let moveTag = Self("move_tag")
    package static let revertTag = Self("revert_tag")
    package static let changeTagExpiration = Self("change_tag_expiration")
    package static let changeTagImmutability = Self("change_tag_immutability")
    package static let createImmutabilityPolicy = Self("create_immutability_policy")
    package static let deleteImmutabilityPolicy = Self("delete_immutability_policy")
    package static let addManifestLabel = Self("manifest_label_add")
    package static let deleteManifestLabel = Self("manifest_label_delete")
    package static let changeUserTimeMachine = Self("user_change_tag_expiration")
    package static let changeOrganizationTimeMachine = Self("org_change_tag_expiration")
    package static let buildDockerfile = Self("build_dockerfile")
    package static let cancelBuild = Self("cancel_build")
    package static let createRobot = Self("create_robot")
    package static let deleteRobot = Self("delete_robot")
    package static let regenerateRobotToken = Self("regenerate_robot_token")
    package static let createOrganization = Self("org_create")
    package static let deleteOrganization = Self("org_delete")
    package static let createUser = Self("user_create")
    package static let deleteUser = Self("user_delete")
    package static let changePassword = Self("account_change_password")
    package static let signIn = Self("login_success")
    package static let failedSignIn = Self("login_failure")
    package static let generateClientKey = Self("user_generate_client_key")
    package static let createAppToken = Self("create_app_specific_token")
    package static let revokeAppToken = Self("revoke_app_specific_token")
    package static let deleteRepository = Self("delete_repo")
    package static let setRepositoryDescription = Self("set_repo_description")
    package static let changeRepositoryPermission = Self("change_repo_permission")
    package static let createQuota = Self("org_create_quota")
    package static let changeQuota = Self("org_change_quota")
    package static let deleteQuota = Self("org_delete_quota")
    package static let createQuotaLimit = Self("org_create_quota_limit")
    package static let changeQuotaLimit = Self("org_change_quota_limit")
    package static let deleteQuotaLimit = Self("org_delete_quota_limit")
    package static let quotaWarning = Self("quota_warning")
    package static let deleteRepositoryPermission = Self("delete_repo_permission")
}
