import Domain
import Foundation
import Runtime
import SQL

/// What can be done with the tags of a repository.
package struct TagService: Sendable {
    /// A page of tag names in byte order.
    package struct Page: Sendable, Hashable {
        package let names: [String]
        package let hasMore: Bool
    }

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The names after `last` (all, when it is nil), at most `limit`; a limit of zero answers an empty last page.
    package func names(in access: RepositoryAccess, after last: String?, limit: Int) async throws -> Page {
        guard limit > 0 else { return Page(names: [], hasMore: false) }
        let now = platform.clock.now
        let names = try await platform.database.read {
            try TagStore.names(
                inRepository: access.repository.id, after: last ?? "", limit: limit + 1, at: now, in: $0)
        }
        return Page(names: Array(names.prefix(limit)), hasMore: names.count > limit)
    }

    /// Points `name` at a manifest, in the transaction of the caller that stored it. The manifest it already points at
    /// changes nothing, so an expiry that somebody set stays.
    static func retarget(
        _ name: TagName, to manifest: ManifestStore.Stored, in access: RepositoryAccess, at now: Date, ip: String?,
        _ transaction: any Transaction
    ) throws {
        let repository = access.repository
        let old = try TagStore.alive(name, inRepository: repository.id, at: now, in: transaction)
        guard old?.manifestID != manifest.id else { return }
        // Two pushes within a millisecond, or a clock set back: the new row still starts after the old one.
        let start = max(now, old?.start ?? now)
        try TagStore.end(name, inRepository: repository.id, at: start, in: transaction)
        try TagStore.begin(name, at: manifest.id, inRepository: repository.id, now: start, in: transaction)
    }
}
