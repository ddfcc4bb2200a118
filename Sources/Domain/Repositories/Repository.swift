/// An image repository as its rules need it.
package struct Repository: Sendable, Hashable {
    package enum Visibility: String, Sendable, Hashable { case `public`, `private` }

    /// What may be done to the repository at all, whoever asks. Raw values: the numbers of Quay's column.
    package enum State: Int, Sendable, Hashable {
        case normal = 0
        case readOnly = 1
        case mirror = 2
        case markedForDeletion = 3

        /// The name that the API shows.
        package var label: String {
            switch self {
            case .normal: "NORMAL"
            case .readOnly: "READ_ONLY"
            case .mirror: "MIRROR"
            case .markedForDeletion: "MARKED_FOR_DELETION"
            }
        }
    }

    /// The row's number; means nothing outside the database.
    package let id: Int64
    package let name: RepositoryName
    package let namespaceID: Int64
    package let isOrganization: Bool
    package let visibility: Visibility
    package let state: State
    /// How long a removed tag of this namespace stays restorable, in seconds.
    package let tagExpirationSeconds: Int
    package let description: String?

    package init(
        id: Int64, name: RepositoryName, namespaceID: Int64, isOrganization: Bool, visibility: Visibility, state: State,
        tagExpirationSeconds: Int, description: String?
    ) {
        self.id = id
        self.name = name
        self.namespaceID = namespaceID
        self.isOrganization = isOrganization
        self.visibility = visibility
        self.state = state
        self.tagExpirationSeconds = tagExpirationSeconds
        self.description = description
    }

    /// How long removed tags of this namespace stay restorable.
    package var timeMachine: TimeMachine { TimeMachine(seconds: tagExpirationSeconds) }
}
