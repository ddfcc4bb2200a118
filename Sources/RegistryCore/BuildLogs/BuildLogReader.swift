package import Domain
import Foundation
package import NIOCore
package import ObjectStorage
import SQL

/// Reads the logs of builds for people, running or archived: who may is decided here, once for every way to read them.
package struct BuildLogReader: Sendable {
    /// How many entries one page holds at most.
    package static let pageLimit = 5000
    /// No log has so many entries: what somebody asks for beyond is the same end.
    private static let lastStart = 1 << 40
    /// How long an address for fetching an archive elsewhere holds.
    private static let directLifetime = Duration.seconds(300)

    private let database: any Database
    private let logs: any BuildLogStore
    private let archives: BuildLogArchiveReader
    private let access: AccessControl
    private let readersMay: Bool
    private let proxiesStorage: Bool

    /// - Parameters:
    ///   - readersMay: FEATURE_READER_BUILD_LOGS: reading the repository is enough.
    ///   - proxiesStorage: FEATURE_PROXY_STORAGE: nobody is sent to another machine.
    package init(
        _ platform: Platform, logs: any BuildLogStore, access: AccessControl, readersMay: Bool,
        proxiesStorage: Bool = false
    ) {
        self.database = platform.database
        self.logs = logs
        self.archives = BuildLogArchiveReader(platform: platform)
        self.access = access
        self.readersMay = readersMay
        self.proxiesStorage = proxiesStorage
    }

    /// The role in a repository that reading its builds' logs needs.
    package var neededRole: RepositoryRole { readersMay ? .read : .write }

    /// The entries of a build of the proof's repository, from position `start` on: at most `limit`, and fewer where they
    /// are long; none only at the end.
    ///
    /// Errors: `.forbidden` when the proof's role is too low; `.notFound`; `.unavailable` for an archive.
    package func page(
        of uuid: String, from start: Int, limit: Int = Self.pageLimit, in proof: RepositoryAccess
    ) async throws -> BuildLogPage {
        try await page(of: build(uuid, in: proof), from: start, limit: limit)
    }

    /// The same for a build that is named by its uuid alone. Errors: `.unauthenticated`, `.forbidden`; the same for a build
    /// that isn't there.
    package func page(of uuid: String, from start: Int, limit: Int, for caller: Caller) async throws -> BuildLogPage {
        try await page(of: build(uuid, for: caller), from: start, limit: limit)
    }

    /// Where an archived log is to be had.
    package enum ArchiveAddress: Sendable, Hashable {
        /// At another machine, for a short time, by whoever has the address; gzipped JSON that says so.
        case direct(String)
        /// Here, for those who may read it.
        case here
    }

    /// Where the archive of a build of the proof's repository is; nil while its log is not archived, and where there was
    /// nothing to archive.
    ///
    /// Errors: as ``page(of:from:limit:in:)``.
    package func archiveAddress(of uuid: String, in proof: RepositoryAccess) async throws -> ArchiveAddress? {
        let build = try await build(uuid, in: proof)
        guard let archive = try await database.read({ try BuildLogArchiveStore.find(build.id, in: $0) }) else {
            return nil
        }
        guard !proxiesStorage, case .remote(let object) = try await archives.content(of: archive) else { return .here }
        do {
            return .direct(
                try await object.address(
                    Self.directLifetime, as: .init(contentType: "application/json", contentEncoding: "gzip")))
        } catch let error as ObjectStorageError {
            throw RegistryError(
                .unavailable, "The registry's storage does not answer: try again in a while.", cause: error)
        }
    }

    /// An archived log: packed as it is stored, and unpacked.
    package struct Archived: Sendable {
        /// Gzip of the text.
        package let packed: ObjectContent
        /// `{"start":0,"total":n,"logs":[…]}`
        package let text: AsyncThrowingStream<ByteBuffer, any Error>
    }

    /// The archive of a build that is named by its uuid alone.
    ///
    /// Errors: `.notFound` when its log is not archived; as ``page(of:from:limit:for:)``, and `.unavailable`.
    package func archived(_ uuid: String, for caller: Caller) async throws -> Archived {
        let build = try await build(uuid, for: caller)
        guard let archive = try await database.read({ try BuildLogArchiveStore.find(build.id, in: $0) }) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return Archived(packed: try await archives.content(of: archive), text: archives.text(of: archive))
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
        let page = try await page(of: BuildLogName(view.build), from: start, limit: Self.pageLimit)
        let isLast = view.isOver && page.end >= page.total
        guard !page.entries.isEmpty || isLast || view.shownPhase.text != phase else { return nil }
        return Part(page: page, phase: view.shownPhase.text, isLast: isLast)
    }

    private func page(of build: BuildLogName, from start: Int, limit: Int) async throws -> BuildLogPage {
        let start = min(max(start, 0), Self.lastStart)
        if let page = try await logs.page(of: build, from: start, limit: limit) { return page }
        guard let archive = try await database.read({ try BuildLogArchiveStore.find(build.id, in: $0) }) else {
            // There was nothing to archive.
            return BuildLogPage(start: start, total: 0, entries: [])
        }
        return try await archives.page(of: archive, from: start, limit: limit)
    }

    private func build(_ uuid: String, in proof: RepositoryAccess) async throws -> BuildLogName {
        try proof.require(neededRole)
        let id = proof.repository.id
        guard let build = try await database.read({ try BuildStore.find(uuid, inRepository: id, in: $0) }) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return BuildLogName(build)
    }

    private func build(_ uuid: String, for caller: Caller) async throws -> BuildLogName {
        let role = neededRole
        return try await database.read { transaction in
            guard let build = try BuildStore.find(uuid: uuid, in: transaction),
                let repository = try RepositoryStore.find(id: build.repositoryID, in: transaction)
            else {
                throw caller.isAnonymous
                    ? RegistryError(.unauthenticated, "Requires authentication")
                    : RegistryError(.forbidden, "Unauthorized")
            }
            _ = try access.repository(repository.name, role, for: caller, in: transaction)
            return BuildLogName(build)
        }
    }
}
