import Domain

/// The top of every page of a repository: its name and the tabs that the visitor may open.
struct RepositoryHeader: Sendable, Hashable {
    /// The tabs there are; raw values are the `tab` of the URL. Source: Quay 9.4.
    enum Tab: String, Sendable, CaseIterable {
        case information = "info"
        case builds

        var label: String {
            switch self {
            case .information: "Information"
            case .builds: "Builds"
            }
        }
    }

    struct Link: Sendable, Hashable {
        let label: String
        let path: String
        let isCurrent: Bool
    }

    let namespace: String
    let name: String
    let path: String
    /// `Public` or `Private`.
    let visibility: String
    let isPrivate: Bool
    let tabs: [Link]

    /// - Parameters:
    ///   - tab: the open tab; nil on a page below the repository, such as a build's.
    init(
        _ name: RepositoryName, _ visibility: Repository.Visibility, role: RepositoryRole, tab: Tab?,
        hasBuilds: Bool = true
    ) {
        namespace = name.namespace.text
        self.name = name.name
        let path = Self.path(of: name)
        self.path = path
        isPrivate = visibility == .private
        self.visibility = isPrivate ? "Private" : "Public"
        tabs = Self.tabs(for: role, hasBuilds: hasBuilds).map { each in
            Link(
                label: each.label, path: each == .information ? path : "\(path)?tab=\(each.rawValue)",
                isCurrent: each == tab)
        }
    }

    /// Builds are shown to those who can start one. Source: Quay 9.4.
    static func tabs(for role: RepositoryRole, hasBuilds: Bool) -> [Tab] {
        role >= .write && hasBuilds ? Tab.allCases : [.information]
    }

    /// Names hold nothing that a path would have to encode.
    static func path(of name: RepositoryName) -> String { "/repository/\(name.namespace)/\(name.name)" }
}
