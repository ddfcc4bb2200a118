package import Domain
import SQL

/// Lists the full names of the repositories that a caller may read, page by page.
package struct CatalogService: Sendable {
    /// A page in the order of bytes.
    package struct Page: Sendable, Hashable {
        package let names: [String]
        package let hasMore: Bool
    }

    /// How many namespaces are asked for at once.
    private static let batch = 100

    private let platform: Platform
    private let access: AccessControl
    private let showsPublic: Bool

    /// - Parameter showsPublic: FEATURE_PUBLIC_CATALOG: whether public repositories of others are listed, to everybody.
    package init(platform: Platform, access: AccessControl, showsPublic: Bool) {
        self.platform = platform
        self.access = access
        self.showsPublic = showsPublic
    }

    /// The names behind `last` (all, when it is nil), at most `limit`; a limit of zero answers an empty last page.
    ///
    /// A registry token that names repositories lists only those; one that names none lists what its holder may read.
    package func names(for caller: Caller, after last: String?, limit: Int) async throws -> Page {
        guard limit > 0 else { return Page(names: [], hasMore: false) }
        let found = try await platform.database.read { transaction in
            try names(for: caller, after: last ?? "", limit: limit + 1, transaction)
        }
        return Page(names: Array(found.prefix(limit)), hasMore: found.count > limit)
    }

    private func names(
        for caller: Caller, after last: String, limit: Int, _ transaction: any Transaction
    ) throws -> [String] {
        if let named = caller.grants?.names, !named.isEmpty {
            return try Self.sorted(named.map(\.text), after: last, limit: limit).filter { name in
                try readable(RepositoryName(name), by: caller, transaction) != nil
            }
        }
        let position = CatalogStore.Position(after: last)
        var found: [String] = []
        if case .repositoryToken(let grant) = caller.identity {
            let repository = try RepositoryStore.find(id: grant.repositoryID, in: transaction)
            if let name = repository?.name, try RepositoryStore.find(name, in: transaction) != nil {
                found += [name.text]
            }
        }
        if caller.scopes.maximumRepositoryRole != nil, let account = caller.accountID {
            // A robot owns nothing: it has what it was granted.
            if case .user = caller.identity {
                found += try names(after: position, limit: limit, isPublicOnly: false, transaction) {
                    try CatalogStore.owned(by: account, from: $0, limit: Self.batch, in: transaction)
                }
            }
            found += try CatalogStore.granted(to: account, after: position, limit: limit, in: transaction)
        }
        if showsPublic {
            found += try names(after: position, limit: limit, isPublicOnly: true, transaction) {
                try CatalogStore.open(from: $0, limit: Self.batch, in: transaction)
            }
        }
        return Self.sorted(found, after: last, limit: limit)
    }

    private func readable(
        _ name: RepositoryName, by caller: Caller, _ transaction: any Transaction
    ) throws -> RepositoryRole? {
        guard let repository = try RepositoryStore.find(name, in: transaction) else { return nil }
        return try access.role(of: caller, in: repository, transaction)
    }

    /// Names out of the namespaces that `next` answers from a position on, until there are `limit`.
    private func names(
        after position: CatalogStore.Position, limit: Int, isPublicOnly: Bool, _ transaction: any Transaction,
        _ next: (CatalogStore.Position) throws -> [CatalogStore.Namespace]
    ) throws -> [String] {
        var found: [String] = []
        var start = position
        while true {
            let namespaces = try next(start)
            for namespace in namespaces where found.count < limit {
                let isFirst = "\(namespace.name)/" == position.namespace
                found += try CatalogStore.names(
                    inNamespace: namespace.id, isPublicOnly: isPublicOnly, after: isFirst ? position.name : "",
                    limit: limit - found.count, in: transaction
                ).map { "\(namespace.name)/\($0)" }
            }
            guard let last = namespaces.last, namespaces.count == Self.batch, found.count < limit else { return found }
            // The character behind the slash: the first text that no name of this namespace can be.
            start = CatalogStore.Position(after: "\(last.name)0")
        }
    }

    private static func sorted(_ names: [String], after last: String, limit: Int) -> [String] {
        var seen: Set<String> = []
        return Array(
            names.filter { last.utf8.lexicographicallyPrecedes($0.utf8) && seen.insert($0).inserted }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.prefix(limit))
    }
}
