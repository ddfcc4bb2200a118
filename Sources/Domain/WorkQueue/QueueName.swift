/// The kinds of work that wait in the queue. Raw values are the first path segment of the items' names.
/// Source: Quay 3.5, queues.
package enum QueueRoot: String, Sendable, Hashable, CaseIterable {
    case dockerfileBuild = "dockerfilebuild"
    case notification
    case exportActionLogs = "exportactionlogs"
    case imageStorageReplication = "imagestoragereplication"
    case chunkCleanup = "chunk_cleanup"
    case namespaceCollection = "namespacegc"
    case repositoryCollection = "repositorygc"
    case securityScan = "secscanv4"
}

/// Where an item stands: its root and a path below it. At most one item of a name is worked on at a time.
///
/// Shape: `root/segment/…/`, with a slash at the end, so that one name's text is never a prefix of a sibling's.
package struct QueueName: Sendable, Hashable, CustomStringConvertible {
    package let root: QueueRoot
    package let text: String
    /// Whose share of the workers the item takes (``ClaimRule/Order/fairShare``): a namespace. Empty where none are kept.
    package let lane: String

    /// `segments` may hold slashes themselves, as nested repository names do.
    package init(_ root: QueueRoot, _ segments: String..., lane: String = "") {
        self.root = root
        self.text = ([root.rawValue] + segments).joined(separator: "/") + "/"
        self.lane = lane
    }

    /// The queue of one repository's builds: they run one after the other.
    package static func builds(of repository: RepositoryName) -> QueueName {
        QueueName(
            .dockerfileBuild, repository.namespace.text, repository.name, lane: repository.namespace.text)
    }

    /// What the names of all builds of a namespace begin with.
    package static func builds(in namespace: Username) -> QueueName {
        QueueName(.dockerfileBuild, namespace.text, lane: namespace.text)
    }

    package var description: String { text }
}
