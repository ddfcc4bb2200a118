/// Everything one attempt needs to know, as Buildman tells it to the agent that registered.
package struct BuildPack: Sendable, Hashable {
    /// Where the build context comes from.
    package enum Source: Sendable, Hashable {
        case package(BuildPackage)
        case git(BuildGitSource)
    }

    /// Proves, with every later call, that the caller is this attempt.
    package let jobToken: BuildSecret
    package let buildID: String
    /// Counts the launches of the build from 1; 0 when the manager doesn't tell.
    package let attempt: Int
    package let source: Source
    /// Folder of the source that the build sees; "" and "/" mean all of it. As given: the agent refuses `..`.
    package let context: String
    /// Relative to ``context``.
    package let dockerfilePath: String
    package let registry: BuildRegistry
    /// Never empty.
    package let tags: [TagName]
    /// Where the image goes before all of ``tags`` move to it in one request; nil: they are pushed one after another.
    package let stagingTag: TagName?
    /// For private base images: each is offered to exactly its host.
    package let baseImageLogins: [RegistryLogin]
    package let buildArguments: [String: String]

    package init(
        jobToken: BuildSecret, buildID: String, attempt: Int, source: Source, context: String, dockerfilePath: String,
        registry: BuildRegistry, tags: [TagName], stagingTag: TagName? = nil, baseImageLogins: [RegistryLogin] = [],
        buildArguments: [String: String] = [:]
    ) {
        self.jobToken = jobToken
        self.buildID = buildID
        self.attempt = attempt
        self.source = source
        self.context = context
        self.dockerfilePath = dockerfilePath
        self.registry = registry
        self.tags = tags
        self.stagingTag = stagingTag
        self.baseImageLogins = baseImageLogins
        self.buildArguments = buildArguments
    }
}

/// An archive or a bare Dockerfile, fetched with a plain GET.
package struct BuildPackage: Sendable, Hashable {
    package let url: String
    /// The manager made the URL itself (an upload): it is exempt from the address policy.
    package let isTrusted: Bool
    /// Networks in CIDR notation that the URL may reach although they are private.
    package let allowedPrivateNetworks: [String]

    package init(url: String, isTrusted: Bool, allowedPrivateNetworks: [String] = []) {
        self.url = url
        self.isTrusted = isTrusted
        self.allowedPrivateNetworks = allowedPrivateNetworks
    }
}

/// A commit in a git repository.
package struct BuildGitSource: Sendable, Hashable {
    package let url: String
    /// What to check out, usually a full commit SHA.
    package let commit: String
    /// The full ref that contains the commit (`refs/heads/main`), when known.
    package let ref: String?
    /// For ssh; nil when the source is public.
    package let privateKey: BuildSecret?
    /// Lines as in ssh's known_hosts; empty: the first key seen is trusted for this build.
    package let knownHosts: String

    package init(url: String, commit: String, ref: String?, privateKey: BuildSecret?, knownHosts: String = "") {
        self.url = url
        self.commit = commit
        self.ref = ref
        self.privateKey = privateKey
        self.knownHosts = knownHosts
    }
}

/// The registry and repository that receive the image.
package struct BuildRegistry: Sendable, Hashable {
    /// `host[:port]`.
    package let host: String
    package let repository: RepositoryName
    /// The registry is spoken to without TLS.
    package let isInsecure: Bool
    /// Password of the user ``tokenUser``; nil when the repository can't be read.
    package let pullToken: BuildSecret?
    package let pushToken: BuildSecret

    /// The user name that goes with build tokens. Source: Quay 6.6.
    package static let tokenUser = "$token"

    package init(
        host: String, repository: RepositoryName, isInsecure: Bool, pullToken: BuildSecret?, pushToken: BuildSecret
    ) {
        self.host = host
        self.repository = repository
        self.isInsecure = isInsecure
        self.pullToken = pullToken
        self.pushToken = pushToken
    }
}

/// A user name and password for one registry.
package struct RegistryLogin: Sendable, Hashable {
    /// `host[:port]`, compared exactly: never a prefix.
    package let registry: String
    package let username: String
    package let password: BuildSecret

    package init(registry: String, username: String, password: BuildSecret) {
        self.registry = registry
        self.username = username
        self.password = password
    }
}
