import Foundation
package import SQL

/// The SQL of garbage collection on tags, manifests, links and blobs. docs/garbage-collection.md says why it is right.
///
/// Every function that decides runs inside the `write` that acts on its answer.
package enum GarbageStore {
    /// Repositories after `last` with tag rows whose time machine is over, in the order of their numbers.
    static func repositoriesWithOverdueTags(
        after last: Int64, at now: Date, limit: Int, in transaction: any Transaction
    ) throws -> [Int64] {
        try transaction.rows(
            """
            SELECT repository.id FROM repository JOIN account AS namespace ON namespace.id = repository.namespace_id
            WHERE repository.id > \(last) AND EXISTS (
                SELECT 1 FROM tag WHERE tag.repository_id = repository.id AND tag.hidden = 0
                    AND tag.lifetime_end_ms <= \(now) - CAST(namespace.removed_tag_expiration_s AS BIGINT) * 1000)
            ORDER BY repository.id LIMIT \(limit)
            """
        ).map { try $0.integer("id") }
    }

    /// Removes tag rows of a repository whose time machine is over, oldest end first; answers how many.
    /// Their manifests become candidates.
    static func purgeTags(
        ofRepository repositoryID: Int64, at now: Date, limit: Int, in transaction: any Transaction
    ) throws -> Int {
        let removed = try transaction.rows(
            """
            DELETE FROM tag WHERE id IN (
                SELECT tag.id FROM tag JOIN repository ON repository.id = tag.repository_id
                    JOIN account AS namespace ON namespace.id = repository.namespace_id
                WHERE tag.repository_id = \(repositoryID) AND tag.hidden = 0
                    AND tag.lifetime_end_ms <= \(now) - CAST(namespace.removed_tag_expiration_s AS BIGINT) * 1000
                ORDER BY tag.lifetime_end_ms LIMIT \(limit))
            RETURNING manifest_id
            """)
        try doubt(removed.map { try $0.integer("manifest_id") }, in: transaction)
        return removed.count
    }

    /// Removes hidden tag rows that have expired: no time machine is theirs. Their manifests become candidates.
    static func purgeHiddenTags(at now: Date, limit: Int, in transaction: any Transaction) throws -> Int {
        let removed = try transaction.rows(
            """
            DELETE FROM tag WHERE id IN (
                SELECT id FROM tag WHERE hidden = 1 AND lifetime_end_ms <= \(now) ORDER BY lifetime_end_ms LIMIT \(limit))
            RETURNING manifest_id
            """)
        try doubt(removed.map { try $0.integer("manifest_id") }, in: transaction)
        return removed.count
    }

    /// Lets the next pass look whether these manifests are still held; whoever takes away what held one calls this in
    /// the same transaction.
    package static func doubt(_ manifestIDs: [Int64], in transaction: any Transaction) throws {
        for ids in Array(Set(manifestIDs)).sorted().chunks(of: GarbageStore.listLength) {
            try transaction.run(
                """
                INSERT INTO manifest_candidate (manifest_id) SELECT id FROM manifest WHERE id IN (\(list: ids))
                ON CONFLICT (manifest_id) DO NOTHING
                """)
        }
    }

    /// Makes the next manifests that no tag row points at candidates; answers the last that it looked at.
    static func doubtUntagged(after last: Int64, limit: Int, in transaction: any Transaction) throws -> Int64? {
        let ids = try transaction.rows("SELECT id FROM manifest WHERE id > \(last) ORDER BY id LIMIT \(limit)")
            .map { try $0.integer("id") }
        try doubt(Array(Set(ids).subtracting(tagged(ids, in: transaction))), in: transaction)
        return ids.last
    }

    /// The first candidates, subjects before their referrers where the order of pushes allows.
    static func candidates(limit: Int, in transaction: any Transaction) throws -> [Int64] {
        try transaction.rows("SELECT manifest_id FROM manifest_candidate ORDER BY manifest_id LIMIT \(limit)")
            .map { try $0.integer("manifest_id") }
    }

    static func acquit(_ manifestIDs: [Int64], in transaction: any Transaction) throws {
        for ids in manifestIDs.chunks(of: listLength) {
            try transaction.run("DELETE FROM manifest_candidate WHERE manifest_id IN (\(list: ids))")
        }
    }

    /// Those of the manifests that a tag row points at, dead or alive, hidden or not.
    static func tagged(_ manifestIDs: [Int64], in transaction: any Transaction) throws -> Set<Int64> {
        var tagged: Set<Int64> = []
        for ids in manifestIDs.chunks(of: listLength) {
            for row in try transaction.rows(
                """
                SELECT manifest.id FROM manifest WHERE manifest.id IN (\(list: ids))
                    AND EXISTS (SELECT 1 FROM tag WHERE tag.manifest_id = manifest.id)
                """)
            { tagged.insert(try row.integer("id")) }
        }
        return tagged
    }

    /// What holds each of the manifests: the indexes that list it, and its subject where the repository has that.
    static func holders(_ manifestIDs: [Int64], in transaction: any Transaction) throws -> [Int64: Set<Int64>] {
        var holders: [Int64: Set<Int64>] = [:]
        for ids in manifestIDs.chunks(of: listLength) {
            let parents = try transaction.rows(
                """
                SELECT child_id AS held, manifest_id AS holder FROM manifest_child WHERE child_id IN (\(list: ids))
                """)
            let subjects = try transaction.rows(
                """
                SELECT referrer.id AS held, subject.id AS holder FROM manifest AS referrer
                    JOIN manifest AS subject ON subject.repository_id = referrer.repository_id
                        AND subject.digest = referrer.subject_digest
                WHERE referrer.id IN (\(list: ids)) AND referrer.subject_digest IS NOT NULL
                """)
            for row in parents + subjects {
                holders[try row.integer("held"), default: []].insert(try row.integer("holder"))
            }
        }
        return holders
    }

    /// Removes manifests that nothing holds, with all that belongs to them, and answers how many blobs went as well.
    ///
    /// What they held becomes a candidate: children, referrers, and the links of their blobs, which are due at `now`.
    static func remove(
        manifests manifestIDs: [Int64], at now: Date, in transaction: any Transaction
    ) throws -> FreedBlobs {
        var freed = FreedBlobs()
        for ids in manifestIDs.sorted().chunks(of: listLength) {
            let held = try transaction.rows(
                """
                SELECT child_id AS id FROM manifest_child WHERE manifest_id IN (\(list: ids))
                UNION
                SELECT referrer.id FROM manifest AS subject JOIN manifest AS referrer
                    ON referrer.repository_id = subject.repository_id AND referrer.subject_digest = subject.digest
                WHERE subject.id IN (\(list: ids))
                """
            ).map { try $0.integer("id") }
            try doubt(held, in: transaction)
            let blobs = try transaction.rows(
                """
                SELECT DISTINCT manifest.repository_id, manifest_blob.blob_id
                FROM manifest_blob JOIN manifest ON manifest.id = manifest_blob.manifest_id
                WHERE manifest_blob.manifest_id IN (\(list: ids))
                """
            ).map { BlobLink(repositoryID: try $0.integer("repository_id"), blobID: try $0.integer("blob_id")) }
            try transaction.run(
                """
                DELETE FROM manifest_child WHERE manifest_id IN (\(list: ids)) OR child_id IN (\(list: ids))
                """)
            try QuotaUsageStore.released(manifests: ids, in: transaction)
            // Labels, candidates and the use of blobs go with the row.
            try transaction.run("DELETE FROM manifest WHERE id IN (\(list: ids))")
            for (repositoryID, links) in Dictionary(grouping: blobs, by: \.repositoryID) {
                try transaction.run(
                    """
                    UPDATE repository_blob SET pinned_until_ms = \(now)
                    WHERE repository_id = \(repositoryID) AND pinned_until_ms = 0
                        AND blob_id IN (\(list: links.map(\.blobID)))
                    """)
            }
            // Somebody may have deleted a blob that a manifest still used: then its row waited for this moment.
            freed.add(try free(blobs: blobs.map(\.blobID), at: now, in: transaction))
        }
        return freed
    }

    /// The longest `IN` list of a statement: a few dozen, because the longer ones are as many statements to prepare.
    static let listLength = 64
}

/// That a repository may read a blob.
struct BlobLink: Sendable, Hashable {
    let repositoryID: Int64
    let blobID: Int64
}

/// How many blobs went, and how many bytes they had.
struct FreedBlobs: Sendable, Hashable {
    var count = 0
    var bytes: Int64 = 0

    mutating func add(_ other: FreedBlobs) {
        count += other.count
        bytes += other.bytes
    }
}

extension Array {
    /// The elements in order, in pieces of at most `length`.
    func chunks(of length: Int) -> [[Element]] {
        stride(from: 0, to: count, by: length).map { Array(self[$0..<Swift.min($0 + length, count)]) }
    }
}
