import Foundation
import Logging
package import Metrics
import Runtime
import SQL

/// One pass over deleted repositories and namespaces: removes their content, whatever the time machine says.
///
/// Their names were freed, and pushes and pulls refused, when they were deleted. Work is done in short transactions, in
/// an order in which each one leaves rows that are true; killed in between, the next pass goes on.
package struct DeletionStep: Sendable {
    /// What a pass removed.
    package struct Counts: Sendable, Hashable {
        package var repositories = 0
        package var namespaces = 0
        package var blobs = 0
        package var bytes: Int64 = 0

        package init() {}
        package var isEmpty: Bool { self == Counts() }
    }

    /// Which of the two a pass is about: FEATURE_REPOSITORY_ and FEATURE_NAMESPACE_GARBAGE_COLLECTION.
    package struct Scope: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }
        package static let repositories = Scope(rawValue: 1)
        package static let namespaces = Scope(rawValue: 2)
    }

    private static let page = 50
    /// Rows of one transaction that nobody else touches any more.
    private static let chunk = 100

    private let platform: Platform
    private let scope: Scope
    private let metrics: CollectionMetrics
    private let between: @Sendable () async throws -> Void

    /// - Parameter between: called between two chunks, outside any transaction.
    package init(
        platform: Platform, scope: Scope = [.repositories, .namespaces],
        metrics: any MetricsFactory = MetricsSystem.factory,
        between: @escaping @Sendable () async throws -> Void = { await Task.yield() }
    ) {
        self.platform = platform
        self.scope = scope
        self.metrics = CollectionMetrics(factory: metrics)
        self.between = between
    }

    /// One pass; nil when another process is at it. Errors: `CancellationError` between two chunks.
    @discardableResult
    package func run() async throws -> Counts? {
        guard let lease = try await StepLease.take("deletion", on: platform) else { return nil }
        let counts: Counts
        do { counts = try await pass(lease) } catch {
            try await lease.release()
            throw error
        }
        try await lease.release()
        if !counts.isEmpty {
            platform.logger.info(
                """
                Deleted \(counts.repositories) repositories and \(counts.namespaces) namespaces for good: \
                \(counts.blobs) blobs of \(counts.bytes) bytes
                """)
        }
        return counts
    }

    private func pass(_ first: StepLease) async throws -> Counts {
        var lease: StepLease? = first
        var counts = Counts()
        if scope.contains(.namespaces) { try await markNamespaces() }
        while scope.contains(.repositories), let held = lease {
            let now = platform.clock.now
            let due = try await platform.database.read {
                try DeletionStore.dueRepositories(at: now, limit: Self.page, in: $0)
            }
            guard !due.isEmpty else { break }
            for repository in due {
                try await remove(repository, &counts)
                metrics.purgedRepository()
            }
            counts.repositories += due.count
            lease = try await held.kept()
        }
        if scope.contains(.namespaces), lease != nil { counts.namespaces = try await removeNamespaces() }
        try await ObjectRemoval(platform: platform).run(between: between)
        return counts
    }

    private func markNamespaces() async throws {
        for namespace in try await dueNamespaces() {
            try await repeating { now, transaction in
                try DeletionStore.markRepositories(
                    ofNamespace: namespace, at: now, limit: Self.chunk, in: transaction)
            }
        }
    }

    private func removeNamespaces() async throws -> Int {
        var count = 0
        for namespace in try await dueNamespaces() {
            let now = platform.clock.now
            let isGone = try await platform.database.write { transaction in
                guard try !DeletionStore.hasRepositories(namespace: namespace, in: transaction) else { return false }
                try DeletionStore.remove(namespace: namespace, at: now, in: transaction)
                return true
            }
            guard isGone else { continue }
            count += 1
            metrics.purgedNamespace()
        }
        return count
    }

    private func dueNamespaces() async throws -> [Int64] {
        let now = platform.clock.now
        return try await platform.database.read {
            try DeletionStore.dueNamespaces(at: now, limit: Self.page, in: $0)
        }
    }

    private func remove(_ repository: Int64, _ counts: inout Counts) async throws {
        let chunk = Self.chunk
        try await repeating { now, transaction in
            try DeletionStore.removeUploads(ofRepository: repository, at: now, limit: chunk, in: transaction)
        }
        try await repeating { now, transaction in
            try DeletionStore.removeBuilds(ofRepository: repository, at: now, limit: chunk, in: transaction)
        }
        try await repeating { _, transaction in
            try DeletionStore.removeTags(ofRepository: repository, limit: chunk, in: transaction)
        }
        try await freeing(&counts) { now, transaction in
            let manifests = try DeletionStore.manifests(ofRepository: repository, limit: chunk, in: transaction)
            return (manifests.count, try GarbageStore.remove(manifests: manifests, at: now, in: transaction))
        }
        try await freeing(&counts) { now, transaction in
            let links = try DeletionStore.links(ofRepository: repository, limit: chunk, in: transaction)
            return (links.count, try GarbageStore.unlink(links, at: now, in: transaction))
        }
        try await platform.database.write { try DeletionStore.remove(repository: repository, in: $0) }
    }

    /// Runs `body` in transactions of its own until it finds nothing to do.
    private func repeating(_ body: @escaping @Sendable (Date, any Transaction) throws -> Int) async throws {
        var counts = Counts()
        try await freeing(&counts) { (try body($0, $1), FreedBlobs()) }
    }

    private func freeing(
        _ counts: inout Counts, _ body: @escaping @Sendable (Date, any Transaction) throws -> (Int, FreedBlobs)
    ) async throws {
        while true {
            try Task.checkCancellation()
            let now = platform.clock.now
            let (count, freed) = try await platform.database.write { try body(now, $0) }
            counts.blobs += freed.count
            counts.bytes += freed.bytes
            metrics.freed(freed)
            guard count > 0 else { return }
            try await between()
        }
    }
}
