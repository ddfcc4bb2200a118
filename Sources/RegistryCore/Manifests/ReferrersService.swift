import Domain
package import OCI
import Runtime
import SQL

/// Lists the manifests that are attached to another one: signatures, bills of materials and the like.
package struct ReferrersService: Sendable {
    /// A page in the order of digests.
    package struct Page: Sendable, Hashable {
        package let referrers: [Referrer]
        /// The digest after which the next page begins; nil on the last one.
        package let next: Digest?

        package init(referrers: [Referrer], next: Digest?) {
            self.referrers = referrers
            self.next = next
        }
    }

    /// How many referrers a page has at most.
    package static let maximumPage = 100
    /// How many bytes of annotations a page has at most, unless its first referrer alone has more: a client need not
    /// read a larger answer than the largest manifest.
    static let maximumAnnotationBytes = 1 << 20

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The referrers of `subject`, which need not exist: those that can be pulled.
    ///
    /// A referrer lives as long as its subject; without one, as long as a tag or an index holds it.
    /// - Parameters:
    ///   - artifactType: answer only those of this type.
    ///   - last: the digest after which the page begins; nil for the first.
    ///   - limit: at most ``maximumPage`` are answered.
    package func list(
        _ subject: Digest, artifactType: String? = nil, after last: Digest? = nil, limit: Int = Self.maximumPage,
        in access: RepositoryAccess
    ) async throws -> Page {
        let now = platform.clock.now
        let repositoryID = access.repository.id
        let limit = min(max(limit, 1), Self.maximumPage)
        return try await platform.database.read { transaction in
            let subjectLives = try ManifestStore.find(subject, inRepository: repositoryID, in: transaction).map {
                try ManifestStore.isReachable($0.id, at: now, in: transaction)
            }
            var page: [Referrer] = []
            var annotations = 0
            var position = last
            while true {
                let found = try ReferrersStore.list(
                    subject, artifactType: artifactType, after: position, limit: limit + 1, inRepository: repositoryID,
                    in: transaction)
                for referrer in found {
                    let lives =
                        try subjectLives == true
                        || ManifestStore.isReachable(referrer.manifestID, at: now, in: transaction)
                    if lives {
                        let size = referrer.annotations.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
                        guard page.isEmpty || (page.count < limit && annotations + size <= Self.maximumAnnotationBytes)
                        else { return Page(referrers: page, next: page.last?.digest) }
                        page.append(referrer)
                        annotations += size
                    }
                    position = referrer.digest
                }
                guard found.count > limit else { return Page(referrers: page, next: nil) }
            }
        }
    }
}
