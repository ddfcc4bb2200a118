import Domain

/// The front page: the repositories that the visitor can see, by namespace.
struct RepositoryListPage: Sendable, Hashable {
    struct Group: Sendable, Hashable {
        let namespace: String
        fileprivate(set) var repositories: [Item]
    }

    struct Item: Sendable, Hashable {
        let name: String
        let path: String
        let visibility: String
        let isPrivate: Bool
        /// The first line of the description; nil without one.
        let summary: String?
    }

    /// The visitor's own namespace first, then the others by name.
    let groups: [Group]
    let isEmpty: Bool
    let isSignedIn: Bool
    let heading: String
    /// There are more than the page shows.
    let isCut: Bool
    let pushCommand: String

    /// - Parameter isCut: the list holds only the first of more repositories.
    init(_ repositories: [Repository], isCut: Bool, username: String?, site: WebSite) {
        var groups: [String: [Item]] = [:]
        for repository in repositories {
            groups[repository.name.namespace.text, default: []].append(
                Item(
                    name: repository.name.name, path: RepositoryHeader.path(of: repository.name),
                    visibility: repository.visibility == .private ? "Private" : "Public",
                    isPrivate: repository.visibility == .private, summary: Self.summary(repository.description)))
        }
        self.groups = groups.map { Group(namespace: $0.key, repositories: $0.value.sorted { $0.name < $1.name }) }
            .sorted { left, right in
                if (left.namespace == username) != (right.namespace == username) { return left.namespace == username }
                return left.namespace < right.namespace
            }
        isEmpty = repositories.isEmpty
        isSignedIn = username != nil
        heading = username == nil ? "Public repositories" : "Repositories"
        self.isCut = isCut
        pushCommand = "docker push \(site.hostname)/\(username ?? "namespace")/name"
    }

    private static func summary(_ description: String?) -> String? {
        guard
            let line = description?.split(whereSeparator: \.isNewline).first(where: { !$0.allSatisfy(\.isWhitespace) })
        else { return nil }
        return line.count > 140 ? "\(line.prefix(139))…" : String(line)
    }
}
