/// Something that happened in a repository, and that people may ask to be told of.
///
/// Whoever makes it happen writes it down in the same transaction; telling people is somebody else's work, later.
package enum DomainEvent: Sendable, Hashable {
    /// Tags were pushed, moved or not, by one request.
    case repositoryPush(tags: [String])
    /// A build was put into the queue.
    case buildQueued(BuildSubject, by: BuildRequester)
    /// A builder reported its first phase; once for a build, however often it is launched.
    case buildStarted(BuildSubject)
    case buildSucceeded(BuildSubject, BuildProduct)
    /// The build failed by its own fault, or its last launch was lost.
    /// - Parameter error: a sentence for the build's owner, with what the failing tool said behind a colon.
    case buildFailed(BuildSubject, error: String?)
    case buildCancelled(BuildSubject)

    /// What an event is called in the API, in payloads and in the database. Source: Quay 7.2.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case repositoryPush = "repo_push"
        case buildQueued = "build_queued"
        case buildStarted = "build_start"
        case buildSucceeded = "build_success"
        case buildFailed = "build_failure"
        case buildCancelled = "build_cancelled"
    }

    package var kind: Kind {
        switch self {
        case .repositoryPush: .repositoryPush
        case .buildQueued: .buildQueued
        case .buildStarted: .buildStarted
        case .buildSucceeded: .buildSucceeded
        case .buildFailed: .buildFailed
        case .buildCancelled: .buildCancelled
        }
    }

    /// The build that it is about; nil for everything else.
    package var build: BuildSubject? {
        switch self {
        case .repositoryPush: nil
        case .buildQueued(let build, _), .buildStarted(let build), .buildSucceeded(let build, _),
            .buildFailed(let build, _), .buildCancelled(let build):
            build
        }
    }
}

/// The build of an event, as it was then.
package struct BuildSubject: Sendable, Hashable {
    /// The number of its row.
    package let id: Int64
    package let uuid: String
    package let displayName: String
    package let dockerTags: [String]

    package init(id: Int64, uuid: String, displayName: String, dockerTags: [String]) {
        self.id = id
        self.uuid = uuid
        self.displayName = displayName
        self.dockerTags = dockerTags
    }

    package init(_ build: Build) {
        self.init(
            id: build.id, uuid: build.uuid, displayName: build.displayName, dockerTags: build.config.dockerTags)
    }
}

/// Who asked for a build.
package struct BuildRequester: Sendable, Hashable {
    package let isManual: Bool
    /// The user's name; nil where no user is known.
    package let user: String?

    package init(isManual: Bool, user: String?) {
        self.isManual = isManual
        self.user = user
    }
}

/// What a build put into the registry.
package struct BuildProduct: Sendable, Hashable {
    /// The digest of the image's configuration; nil for an index, which has none.
    package let imageID: String?
    /// Full references, `host/namespace/repository@sha256:…`, each once, in the order of the build's tags.
    package let manifests: [String]

    package init(imageID: String?, manifests: [String]) {
        self.imageID = imageID
        self.manifests = manifests
    }
}
