import Foundation
import Logging
package import Metrics
import Runtime
import SQL

/// One pass of garbage collection: removes what nothing reaches and nobody can restore any more.
///
/// docs/garbage-collection.md has the rules, and the argument why a pass that meets pushes, mounts and restores takes
/// nothing that they rely on. Work is done in short transactions, each of which decides and acts on one state.
package struct CollectionStep: Sendable {
    /// What a pass removed.
    package struct Counts: Sendable, Hashable, CustomStringConvertible {
        package var tags = 0
        package var manifests = 0
        /// Links of blobs to repositories.
        package var links = 0
        package var blobs = 0
        package var bytes: Int64 = 0
        /// Objects that the locations have lost: those of the blobs, and what broken uploads left.
        package var objects = 0

        package init(
            tags: Int = 0, manifests: Int = 0, links: Int = 0, blobs: Int = 0, bytes: Int64 = 0, objects: Int = 0
        ) {
            self.tags = tags
            self.manifests = manifests
            self.links = links
            self.blobs = blobs
            self.bytes = bytes
            self.objects = objects
        }

        /// Whether there was nothing to do.
        package var isEmpty: Bool { self == Counts() }

        package var description: String {
            "\(tags) tags, \(manifests) manifests, \(links) links, \(blobs) blobs of \(bytes) bytes, \(objects) objects"
        }

        package static func + (left: Counts, right: Counts) -> Counts {
            var sum = left
            sum.tags += right.tags
            sum.manifests += right.manifests
            sum.links += right.links
            sum.blobs += right.blobs
            sum.bytes += right.bytes
            sum.objects += right.objects
            return sum
        }
    }

    /// How far a pass looks.
    package enum Scope: Sendable, Hashable {
        /// At what is known to be due: the work of a timer.
        case whatIsDue
        /// At every manifest, link and blob: for what an older version left, and for somebody who wants to be sure.
        case everything
    }

    /// Rows of one transaction: few, so that a push that waits behind it waits a millisecond, and because PostgreSQL
    /// watches a whole table once a transaction has read more of it.
    static let chunk = 32
    /// Freed blobs after which their objects are removed, so that a long pass gives its space back on the way.
    private static let removalInterval = 512
    private static let repositoryPage = 200

    private let platform: Platform
    private let metrics: CollectionMetrics
    private let between: @Sendable () async throws -> Void

    /// - Parameter between: called between two chunks, outside any transaction; the standard lets other tasks go first.
    package init(
        platform: Platform, metrics: any MetricsFactory = MetricsSystem.factory,
        between: @escaping @Sendable () async throws -> Void = { await Task.yield() }
    ) {
        self.platform = platform
        self.metrics = CollectionMetrics(factory: metrics)
        self.between = between
    }

    /// One pass; nil when another process collects now. Stops early, with what it has done, when that one took over.
    ///
    /// Errors: `CancellationError` between two chunks.
    @discardableResult
    package func run(_ scope: Scope = .whatIsDue) async throws -> Counts? {
        guard let lease = try await StepLease.take("garbage collection", on: platform) else { return nil }
        let started = platform.clock.now
        let pass = Pass(step: self, scope: scope, lease: lease)
        let counts: Counts
        do { counts = try await pass.run() } catch {
            try await lease.release()
            throw error
        }
        try await lease.release()
        metrics.passed(in: .seconds(platform.clock.now.timeIntervalSince(started)))
        if !counts.isEmpty { platform.logger.info("Garbage collection removed \(counts)") }
        return counts
    }

    /// The pass under way.
    private struct Pass {
        let step: CollectionStep
        let scope: Scope
        var lease: StepLease
        var counts = Counts()
        private var unremoved = 0
        private var isOver = false

        init(step: CollectionStep, scope: Scope, lease: StepLease) {
            self.step = step
            self.scope = scope
            self.lease = lease
        }

        private var platform: Platform { step.platform }

        consuming func run() async throws -> Counts {
            try await removeObjects()
            if scope == .everything { try await lookAtEverything() }
            try await purgeHiddenTags()
            try await purgeTags()
            try await collectManifests()
            try await collectLinks()
            try await removeObjects()
            return counts
        }

        /// What stands between two chunks: others first, and whether the lease is still ours.
        private mutating func breathe() async throws {
            try Task.checkCancellation()
            try await step.between()
            if let kept = try await lease.kept() { lease = kept } else { isOver = true }
        }

        private mutating func lookAtEverything() async throws {
            try await eachPage { last, transaction in
                try GarbageStore.doubtUntagged(after: last, limit: CollectionStep.chunk, in: transaction)
            }
            try await eachPage { last, transaction in
                try GarbageStore.doubtLinks(ofRepositoryAfter: last, in: transaction)
            }
            let now = platform.clock.now
            try await eachPage { last, transaction in
                let ids = try GarbageStore.unlinkedBlobs(after: last, limit: CollectionStep.chunk, in: transaction)
                _ = try GarbageStore.free(blobs: ids, at: now, in: transaction)
                return ids.last
            }
        }

        /// Goes through rows in the order of their numbers; `body` answers the last one of its page, nil at the end.
        private mutating func eachPage(
            _ body: @escaping @Sendable (_ last: Int64, any Transaction) throws -> Int64?
        ) async throws {
            var last: Int64? = 0
            while let start = last, !isOver {
                last = try await platform.database.write { try body(start, $0) }
                try await breathe()
            }
        }

        private mutating func purgeHiddenTags() async throws {
            while !isOver {
                let now = platform.clock.now
                let count = try await platform.database.write {
                    try GarbageStore.purgeHiddenTags(at: now, limit: CollectionStep.chunk, in: $0)
                }
                add(tags: count)
                guard count == CollectionStep.chunk else { return }
                try await breathe()
            }
        }

        private mutating func purgeTags() async throws {
            var last: Int64 = 0
            while !isOver {
                let now = platform.clock.now
                let page = try await platform.database.read { [last] in
                    try GarbageStore.repositoriesWithOverdueTags(
                        after: last, at: now, limit: CollectionStep.repositoryPage, in: $0)
                }
                guard let end = page.last else { return }
                for repository in page { try await purgeTags(of: repository) }
                last = end
            }
        }

        private mutating func purgeTags(of repository: Int64) async throws {
            while !isOver {
                let now = platform.clock.now
                let count = try await platform.database.write {
                    try GarbageStore.purgeTags(ofRepository: repository, at: now, limit: CollectionStep.chunk, in: $0)
                }
                add(tags: count)
                try await breathe()
                guard count == CollectionStep.chunk else { return }
            }
        }

        private mutating func collectManifests() async throws {
            while !isOver {
                let now = platform.clock.now
                let done = try await platform.database.write { try Self.judge(at: now, $0) }
                counts.manifests += done.removed
                step.metrics.rows("manifest", done.removed)
                try await freed(done.blobs)
                guard done.candidates > 0 else { return }
                try await breathe()
            }
        }

        /// Looks at some candidates: each is removed, or is one no more.
        private static func judge(
            at now: Date, _ transaction: any Transaction
        ) throws -> (candidates: Int, removed: Int, blobs: FreedBlobs) {
            let candidates = try GarbageStore.candidates(limit: CollectionStep.chunk, in: transaction)
            let doomed = try UnreachableManifests.among(
                candidates, tagged: { try GarbageStore.tagged($0, in: transaction) },
                holders: { try GarbageStore.holders($0, in: transaction) })
            let blobs = try GarbageStore.remove(manifests: Array(doomed), at: now, in: transaction)
            try GarbageStore.acquit(candidates, in: transaction)
            return (candidates.count, doomed.count, blobs)
        }

        private mutating func collectLinks() async throws {
            while !isOver {
                let now = platform.clock.now
                let done = try await platform.database.write { transaction in
                    let due = try GarbageStore.dueLinks(at: now, limit: CollectionStep.chunk, in: transaction)
                    try GarbageStore.settle(due.filter(\.isUsed).map(\.link), in: transaction)
                    let over = due.filter { !$0.isUsed }.map(\.link)
                    return (due.count, over.count, try GarbageStore.unlink(over, at: now, in: transaction))
                }
                counts.links += done.1
                step.metrics.rows("repository_blob", done.1)
                try await freed(done.2)
                guard done.0 > 0 else { return }
                try await breathe()
            }
        }

        private mutating func add(tags number: Int) {
            counts.tags += number
            step.metrics.rows("tag", number)
        }

        private mutating func freed(_ blobs: FreedBlobs) async throws {
            counts.blobs += blobs.count
            counts.bytes += blobs.bytes
            step.metrics.freed(blobs)
            unremoved += blobs.count
            if unremoved >= CollectionStep.removalInterval { try await removeObjects() }
        }

        private mutating func removeObjects() async throws {
            unremoved = 0
            counts.objects += try await ObjectRemoval(platform: platform).run(between: step.between)
        }
    }
}
