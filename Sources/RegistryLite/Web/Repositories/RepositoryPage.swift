import Domain

/// A repository's own page: what it is, and how to pull from it.
struct RepositoryPage: Sendable, Hashable {
    let header: RepositoryHeader
    let description: String?
    let pullCommand: String
    let pushCommand: String?
    /// The tab with the builds; nil for those who can't open it.
    let buildsPath: String?

    init(_ repository: Repository, role: RepositoryRole, site: WebSite) {
        header = RepositoryHeader(
            repository.name, repository.visibility, role: role, tab: .information,
            hasBuilds: site.hasBuilds)
        let text = repository.description?.trimmingPrefix(while: \.isWhitespace)
        description = text.flatMap { $0.isEmpty ? nil : String($0) }
        let reference = "\(site.hostname)/\(repository.name)"
        pullCommand = "docker pull \(reference)"
        pushCommand = role >= .write ? "docker push \(reference)" : nil
        buildsPath = role >= .write && site.hasBuilds ? "\(header.path)?tab=builds" : nil
    }
}
