/// The FEATURE_… switches. What Quay has and this product never will (billing, v1 push, …) is accepted and ignored.
package struct FeatureFlags: Sendable, Hashable {
    package let superusers: Bool
    package let userCreation: Bool
    package let inviteOnlyUserCreation: Bool
    package let directLogin: Bool
    package let mailing: Bool
    package let userInitialize: Bool
    package let userRename: Bool
    package let usernameConfirmation: Bool
    package let userMetadata: Bool
    package let userLastAccessed: Bool
    package let requireTeamInvite: Bool
    package let requireEncryptedBasicAuth: Bool
    package let appTokens: Bool
    package let anonymousAccess: Bool
    package let partialUserAutocomplete: Bool
    package let permanentSessions: Bool
    package let recaptcha: Bool
    package let blacklistedEmails: Bool
    package let librarySupport: Bool
    package let publicCatalog: Bool
    package let extendedRepositoryNames: Bool
    package let sparseIndex: Bool
    package let changeTagExpiration: Bool
    package let garbageCollection: Bool
    package let namespaceGarbageCollection: Bool
    package let repositoryGarbageCollection: Bool
    package let repositoryActionCounter: Bool
    package let proxyStorage: Bool
    package let securityScanner: Bool
    package let securityNotifications: Bool
    package let buildSupport: Bool
    package let readerBuildLogs: Bool
    package let githubBuild: Bool
    package let githubLogin: Bool
    package let bitbucketBuild: Bool
    package let gitlabBuild: Bool
    package let logExport: Bool
    package let aggregatedLogs: Bool
    package let userLogAccess: Bool
    package let actionLogRotation: Bool
    package let quotaManagement: Bool
}

extension FeatureFlags {
    /// Known to Quay, without effect here.
    static let ignored: Set<String> = [
        "FEATURE_GENERAL_OCI_SUPPORT", "FEATURE_HELM_OCI_SUPPORT", "FEATURE_ADVERTISE_V2", "FEATURE_RESTRICTED_V1_PUSH",
        "FEATURE_REPO_MIRROR", "FEATURE_SIGNING", "FEATURE_APP_REGISTRY", "FEATURE_ACI_CONVERSION", "FEATURE_BILLING",
        "FEATURE_STORAGE_REPLICATION", "FEATURE_TEAM_SYNCING", "FEATURE_NONSUPERUSER_TEAM_SYNCING_SETUP",
        "FEATURE_RATE_LIMITS",
        "FEATURE_DOCKER_EXPERIMENTAL", "FEATURE_GOOGLE_LOGIN", "FEATURE_EXPERIMENTAL_HELM_OCI_SUPPORT", "FEATURE_FIPS",
    ]

    init(_ reader: SectionReader, mail: MailSection, sourceControl: SourceControlSection, hasFile: Bool) {
        func flag(_ name: String, _ standard: Bool) -> Bool { reader.bool("FEATURE_\(name)", default: standard) }
        superusers = flag("SUPER_USERS", true)
        userCreation = flag("USER_CREATION", true)
        inviteOnlyUserCreation = flag("INVITE_ONLY_USER_CREATION", false)
        directLogin = flag("DIRECT_LOGIN", true)
        mailing = Self.mailing(reader, mail, hasFile: hasFile)
        userInitialize = flag("USER_INITIALIZE", !hasFile)
        userRename = flag("USER_RENAME", false)
        usernameConfirmation = flag("USERNAME_CONFIRMATION", true)
        userMetadata = flag("USER_METADATA", false)
        userLastAccessed = flag("USER_LAST_ACCESSED", true)
        requireTeamInvite = flag("REQUIRE_TEAM_INVITE", true)
        requireEncryptedBasicAuth = flag("REQUIRE_ENCRYPTED_BASIC_AUTH", false)
        appTokens = flag("APP_SPECIFIC_TOKENS", true)
        anonymousAccess = flag("ANONYMOUS_ACCESS", true)
        partialUserAutocomplete = flag("PARTIAL_USER_AUTOCOMPLETE", true)
        permanentSessions = flag("PERMANENT_SESSIONS", true)
        recaptcha = flag("RECAPTCHA", false)
        blacklistedEmails = flag("BLACKLISTED_EMAILS", false)
        librarySupport = flag("LIBRARY_SUPPORT", true)
        publicCatalog = flag("PUBLIC_CATALOG", false)
        extendedRepositoryNames = flag("EXTENDED_REPOSITORY_NAMES", true)
        sparseIndex = flag("SPARSE_INDEX", false)
        changeTagExpiration = flag("CHANGE_TAG_EXPIRATION", true)
        garbageCollection = flag("GARBAGE_COLLECTION", true)
        namespaceGarbageCollection = flag("NAMESPACE_GARBAGE_COLLECTION", true)
        repositoryGarbageCollection = flag("REPOSITORY_GARBAGE_COLLECTION", true)
        repositoryActionCounter = flag("REPOSITORY_ACTION_COUNTER", true)
        proxyStorage = flag("PROXY_STORAGE", false)
        securityScanner = flag("SECURITY_SCANNER", false)
        securityNotifications = flag("SECURITY_NOTIFICATIONS", false)
        buildSupport = flag("BUILD_SUPPORT", true)
        readerBuildLogs = flag("READER_BUILD_LOGS", false)
        githubBuild = Self.provider(reader, "GITHUB_BUILD", "GITHUB_TRIGGER_CONFIG", sourceControl.githubTrigger != nil)
        githubLogin = Self.provider(reader, "GITHUB_LOGIN", "GITHUB_LOGIN_CONFIG", sourceControl.githubLogin != nil)
        bitbucketBuild = Self.provider(
            reader, "BITBUCKET_BUILD", "BITBUCKET_TRIGGER_CONFIG", sourceControl.bitbucketTrigger != nil)
        gitlabBuild = Self.provider(reader, "GITLAB_BUILD", "GITLAB_TRIGGER_CONFIG", sourceControl.gitlabTrigger != nil)
        logExport = flag("LOG_EXPORT", true)
        aggregatedLogs = flag("AGGREGATED_LOG_COUNT_RETRIEVAL", true)
        userLogAccess = flag("USER_LOG_ACCESS", false)
        actionLogRotation = flag("ACTION_LOG_ROTATION", false)
        quotaManagement = flag("QUOTA_MANAGEMENT", false)
    }

    /// On by default as in Quay, but only where a mail can be sent: else nobody could ever confirm an address.
    private static func mailing(_ reader: SectionReader, _ mail: MailSection, hasFile: Bool) -> Bool {
        switch reader.bool("FEATURE_MAILING") {
        case true? where mail.host == nil:
            reader.problem("FEATURE_MAILING", "Mails need a MAIL_SERVER.")
            return false
        case let written?: return written
        case nil:
            if hasFile, mail.host == nil {
                reader.warning(
                    "FEATURE_MAILING",
                    "Mails are off because MAIL_SERVER is not set; FEATURE_MAILING: false silences this.")
            }
            return mail.host != nil
        }
    }

    private static func provider(_ reader: SectionReader, _ name: String, _ config: String, _ isConfigured: Bool)
        -> Bool
    {
        let isOn = reader.bool("FEATURE_\(name)", default: false)
        if isOn, !isConfigured, reader.node(config) == nil { reader.missing(config, "FEATURE_\(name) is on") }
        return isOn && isConfigured
    }
}
