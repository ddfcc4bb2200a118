package import Domain
package import WebRequests

/// What the services must know of the site; a slice of the configuration.
package struct SiteSettings: Sendable {
    /// SERVER_HOSTNAME: host, with a port where it is not the scheme's own. The audience of registry tokens.
    package let hostname: String
    /// LIBRARY_NAMESPACE: the namespace of names without a slash.
    package let library: Username
    /// FEATURE_ANONYMOUS_ACCESS.
    package let anonymousAccess: Bool
    /// FEATURE_PUBLIC_CATALOG: whether the catalog lists public repositories to everybody.
    package let publicCatalog: Bool
    /// FEATURE_SPARSE_INDEX: whether an index may list manifests that are not here.
    package let sparseIndexes: Bool
    /// SUPER_USERS.
    package let superusers: Set<String>
    /// FEATURE_READER_BUILD_LOGS: who may read a repository may read its builds' logs.
    package let readersMayReadLogs: Bool
    package var logArchive = LogArchiveSettings()
    package let tags: TagSettings
    /// FEATURE_PROXY_STORAGE: blobs of other machines come through us, and nobody is sent there.
    package let proxiesStorage: Bool
    /// WEBHOOK_ALLOWED_PRIVATE_NETWORKS and everything public: where addresses that users write may lead.
    package let userAddresses: AddressPolicy
    /// Which credentials clients may come with.
    package var credentials = CredentialRules()
    package var registryTokens = RegistryTokenRule()
    package var serviceKeys = ServiceKeyRule()
    package var pullLog = PullLogRule()
    /// DEFAULT_NAMESPACE_MAXIMUM_BUILD_COUNT: how many builds of a new namespace may wait or run at once; nil for any number.
    package var maximumQueuedBuilds: Int?
    /// FEATURE_QUOTA_MANAGEMENT, DEFAULT_SYSTEM_REJECT_QUOTA_BYTES.
    package var quotas: QuotaSettings

    package init(
        hostname: String, library: Username, anonymousAccess: Bool = true, publicCatalog: Bool = false,
        sparseIndexes: Bool = false, superusers: Set<String> = [], readersMayReadLogs: Bool = false,
        tags: TagSettings = TagSettings(), proxiesStorage: Bool = false,
        userAddresses: AddressPolicy = .publicOnly(except: []), quotas: QuotaSettings = .off
    ) {
        self.hostname = hostname
        self.library = library
        self.anonymousAccess = anonymousAccess
        self.publicCatalog = publicCatalog
        self.sparseIndexes = sparseIndexes
        self.superusers = superusers
        self.readersMayReadLogs = readersMayReadLogs
        self.tags = tags
        self.proxiesStorage = proxiesStorage
        self.userAddresses = userAddresses
        self.quotas = quotas
    }
}

/// Every service of the core, built once by each program's composition.
package struct Registry: Sendable {
    package let platform: Platform
    package let site: SiteSettings
    package let access: AccessControl
    package let accounts: AccountService
    package let signIn: SignInService
    package let sessions: SessionService
    package let organizations: OrganizationService
    package let permissions: PermissionService
    package let robots: RobotService
    package let oauthTokens: OAuthTokenService
    package let basic: BasicCredentials
    package let bearer: BearerCredentials
    package let appTokens: AppTokenService
    package let encryptedPasswords: EncryptedPasswords
    package let delegateTokens: DelegateTokenService
    package let repositories: RepositoryService
    package let serviceKeys: ServiceKeys
    package let registryTokens: RegistryTokenService
    package let refreshTokens: RefreshTokens
    package let registryTokenVerifier: RegistryTokenVerifier
    package let quotaMeter: QuotaMeter
    package let quotas: QuotaService
    package let blobs: BlobReader
    package let blobUploads: BlobUploadService
    package let blobRemoval: BlobRemovalService
    package let manifests: ManifestService
    package let referrers: ReferrersService
    package let catalog: CatalogService
    package let pullLog: PullLog
    package let tags: TagService
    package let tagHistory: TagHistoryService
    package let immutability: ImmutabilityService
    package let labels: LabelService
    package let timeMachines: TimeMachineService
    package let builds: BuildService
    package let buildLogs: BuildLogReader
    /// The logs of running builds in Redis; nil where there is none.
    package let buildLogCache: BuildLogCache?
    package let userFiles: UserFileService

    package init(platform: Platform, site: SiteSettings, buildLogCache: BuildLogCache? = nil) {
        self.platform = platform
        self.site = site
        access = AccessControl(
            database: platform.database, anonymousAccess: site.anonymousAccess, superusers: site.superusers)
        accounts = AccountService(
            platform: platform, timeMachine: site.tags.timeMachine, maximumQueuedBuilds: site.maximumQueuedBuilds)
        signIn = SignInService(platform: platform)
        sessions = SessionService(platform: platform)
        organizations = OrganizationService(
            platform: platform, timeMachine: site.tags.timeMachine, maximumQueuedBuilds: site.maximumQueuedBuilds)
        permissions = PermissionService(platform: platform)
        robots = RobotService(platform: platform)
        oauthTokens = OAuthTokenService(platform: platform)
        bearer = BearerCredentials(platform: platform)
        basic = BasicCredentials(platform: platform, rules: site.credentials, signIn: signIn, bearer: bearer)
        appTokens = AppTokenService(platform: platform, rules: site.credentials)
        encryptedPasswords = EncryptedPasswords(platform: platform)
        delegateTokens = DelegateTokenService(platform: platform)
        repositories = RepositoryService(platform: platform, anonymousAccess: site.anonymousAccess)
        serviceKeys = ServiceKeys(platform: platform, rule: site.serviceKeys)
        registryTokens = RegistryTokenService(
            platform: platform, access: access, organizations: organizations,
            issuer: RegistryTokenIssuer(platform: platform, keys: serviceKeys, rule: site.registryTokens),
            rule: site.registryTokens)
        refreshTokens = RefreshTokens(platform: platform)
        registryTokenVerifier = RegistryTokenVerifier(
            platform: platform, keys: serviceKeys, hostname: site.hostname, library: site.library,
            rule: site.registryTokens)
        quotaMeter = QuotaMeter(platform: platform, settings: site.quotas)
        quotas = QuotaService(platform: platform, meter: quotaMeter)
        blobs = BlobReader(platform: platform, access: access, proxiesStorage: site.proxiesStorage)
        blobUploads = BlobUploadService(platform: platform, access: access, quotas: quotaMeter)
        blobRemoval = BlobRemovalService(platform: platform)
        manifests = ManifestService(
            platform: platform, access: access, quotas: quotaMeter, untaggedLifetime: site.tags.untaggedSeconds,
            sparseIndexes: site.sparseIndexes)
        referrers = ReferrersService(platform: platform)
        catalog = CatalogService(platform: platform, access: access, showsPublic: site.publicCatalog)
        tags = TagService(platform: platform, settings: site.tags, quotas: quotaMeter)
        tagHistory = TagHistoryService(platform: platform)
        immutability = ImmutabilityService(platform: platform)
        labels = LabelService(platform: platform)
        timeMachines = TimeMachineService(platform: platform, settings: site.tags)
        pullLog = PullLog(platform: platform, rule: site.pullLog)
        builds = BuildService(
            platform, access: access,
            settings: .init(registryHostname: site.hostname, archiveAddresses: site.userAddresses))
        self.buildLogCache = buildLogCache
        let logs: any BuildLogStore =
            if let buildLogCache { CachedBuildLogStore(platform.database, cache: buildLogCache) } else {
                DatabaseBuildLogStore(platform.database)
            }
        buildLogs = BuildLogReader(
            platform, logs: logs, access: access, readersMay: site.readersMayReadLogs,
            proxiesStorage: site.proxiesStorage)
        userFiles = UserFileService(platform: platform)
    }
}
