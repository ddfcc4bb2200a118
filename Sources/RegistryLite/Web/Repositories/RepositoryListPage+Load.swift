import Domain
import RegistryCore

extension RepositoryListPage {
    /// Asks for the repositories that the visitor may see.
    static func load(_ pages: WebPages, _ visit: Visit) async throws -> RepositoryListPage {
        let filter = RepositoryStore.Filter(namespace: nil, isPublicOnly: false)
        var found: [Repository] = []
        var last: Int64? = 0
        // A page shows five hundred; the search comes with its own page.
        while let after = last, found.count < 500 {
            let page = try await pages.services.repositories.list(filter, for: visit.caller, after: after)
            found += page.repositories
            last = page.next
        }
        return RepositoryListPage(found, isCut: last != nil, username: visit.visitor.username, site: pages.site)
    }
}
