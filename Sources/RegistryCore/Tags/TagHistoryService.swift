import Domain
import Foundation
import Runtime
import SQL

/// Looks at the tags of a repository: those that are alive, and what was before.
package struct TagHistoryService: Sendable {
    /// No page has more rows. Source: Quay, tag list.
    package static let maximumPage = 100
    /// How many tags a repository's own view shows. Source: Quay, repository view.
    package static let shownWithRepository = 500

    /// One row, and whether it can't be changed.
    package struct Line: Sendable, Hashable {
        package let entry: TagHistoryStore.Entry
        /// Alive, and protected by its own mark or by a policy.
        package let isImmutable: Bool
    }

    package struct Page: Sendable, Hashable {
        package let lines: [Line]
        package let hasMore: Bool
    }

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// One page of rows, the newest first. - Parameter limit: at most ``maximumPage`` of the API's lists.
    package func list(
        _ filter: TagHistoryStore.Filter, from start: TagHistoryStore.Start, limit: Int, in access: RepositoryAccess
    ) async throws -> Page {
        let repositoryID = access.repository.id
        let now = platform.clock.now
        return try await platform.database.read { transaction in
            let entries = try TagHistoryStore.list(
                filter, inRepository: repositoryID, from: start, limit: limit + 1, at: now, in: transaction)
            let protection = try TagProtection.of(repository: repositoryID, in: transaction)
            let lines = entries.prefix(limit).map { entry in
                Line(
                    entry: entry,
                    isImmutable: entry.isAlive(at: now)
                        && protection.protects(entry.name, marked: entry.isImmutable))
            }
            return Page(lines: lines, hasMore: entries.count > limit)
        }
    }
}
