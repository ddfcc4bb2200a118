package import Domain
import Foundation
import SQL

/// Reads the logs of builds for people: who may is decided here, once for every way to read them.
package struct BuildLogReader: Sendable {
    /// How many entries one page holds at most.
    package static let pageLimit = 5000

    private let database: any Database
    private let logs: any BuildLogStore
    private let access: AccessControl
    private let readersMay: Bool

    /// - Parameter readersMay: FEATURE_READER_BUILD_LOGS: reading the repository is enough.
    package init(_ platform: Platform, logs: any BuildLogStore, access: AccessControl, readersMay: Bool) {
        self.database = platform.database
        self.logs = logs
        self.access = access
        self.readersMay = readersMay
    }

    /// The role in a repository that reading its builds' logs needs.
    package var neededRole: RepositoryRole { readersMay ? .read : .write }

    /// The entries of a build of the proof's repository, from position `start` on.
    ///
    /// Errors: `.forbidden` when the proof's role is too low; `.notFound`.
    package func page(
        of uuid: String, from start: Int, limit: Int = Self.pageLimit, in proof: RepositoryAccess
    ) async throws -> BuildLogPage {
        let build = try await build(uuid, in: proof)
        return try await logs.page(ofBuild: build.id, from: start, limit: limit)
    }

    /// The same for a build that is named by its uuid alone. Errors: `.unauthenticated`, `.forbidden`; the same for a build
    /// that isn't there.
    package func page(of uuid: String, from start: Int, limit: Int, for caller: Caller) async throws -> BuildLogPage {
        let found = try await database.read { transaction -> (Build, Repository)? in
            guard let build = try BuildStore.find(uuid: uuid, in: transaction),
                let repository = try RepositoryStore.find(id: build.repositoryID, in: transaction)
            else { return nil }
            return (build, repository)
        }
        guard let (build, repository) = found else {
            throw caller.isAnonymous
                ? RegistryError(.unauthenticated, "Requires authentication") : RegistryError(.forbidden, "Unauthorized")
        }
        _ = try await access.repository(repository.name, neededRole, for: caller)
        return try await logs.page(ofBuild: build.id, from: start, limit: limit)
    }

    /// One part of a log that is being followed.
    package struct Part: Sendable {
        package let page: BuildLogPage
        /// The phase that the build is shown in.
        package let phase: String
        /// Nothing comes any more.
        package let isLast: Bool
    }

    /// The next part from `start` on, or nil when nothing is new and the build goes on.
    package func next(
        _ uuid: String, from start: Int, known phase: String?, in proof: RepositoryAccess, builds: BuildService
    ) async throws -> Part? {
        try proof.require(neededRole)
        // The phase first: whatever is logged before a build ends is in the page that is read after it.
        let view = try await builds.find(uuid, in: proof)
        let page = try await logs.page(ofBuild: view.build.id, from: start, limit: Self.pageLimit)
        let isLast = view.isOver && page.end >= page.total
        guard !page.entries.isEmpty || isLast || view.shownPhase.text != phase else { return nil }
        return Part(page: page, phase: view.shownPhase.text, isLast: isLast)
    }

    /// One element at once, and one after any build's log has grown or phase has changed.
    package func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let sources = [logs.changes(), database.wakeUps(.builds)]
        let tasks = sources.map { source in
            Task {
                for await _ in source { continuation.yield() }
                continuation.finish()
            }
        }
        continuation.onTermination = { _ in for task in tasks { task.cancel() } }
        return stream
    }

    private func build(_ uuid: String, in proof: RepositoryAccess) async throws -> Build {
        try proof.require(neededRole)
        let id = proof.repository.id
        guard let build = try await database.read({ try BuildStore.find(uuid, inRepository: id, in: $0) }) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return build
    }
}
