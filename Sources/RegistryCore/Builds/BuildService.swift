package import Domain
package import Foundation
import Runtime
import SQL
package import WebRequests

/// What people do with builds: request, look at, cancel.
package struct BuildService: Sendable {
    /// What the configuration says about builds.
    package struct Settings: Sendable {
        /// SERVER_HOSTNAME: `host[:port]`, as it stands in image references.
        package let registryHostname: String

        /// Where the addresses of archives may lead.
        package let archiveAddresses: AddressPolicy

        package init(registryHostname: String, archiveAddresses: AddressPolicy = .publicOnly(except: [])) {
            self.registryHostname = registryHostname
            self.archiveAddresses = archiveAddresses
        }
    }

    /// How often a build is launched at most. Source: Quay 6.1.
    package static let maximumLaunches = 3

    let database: any Database
    let clock: WallClock
    private let identifiers: Identifiers
    let access: AccessControl
    private let settings: Settings

    package init(_ platform: Platform, access: AccessControl, settings: Settings) {
        self.database = platform.database
        self.clock = platform.clock
        self.identifiers = platform.identifiers
        self.access = access
        self.settings = settings
    }

    /// Puts a build into the queue: its row, its queue item and its audit entry, or nothing.
    ///
    /// Errors: `.readOnly` when the repository isn't in its normal state, `.throttled` at the namespace's limit,
    /// `.notFound` and `.forbidden` for the pull robot, `.invalidRequest` for a file that isn't there or isn't the caller's.
    package func request(
        _ request: BuildRequest, in proof: RepositoryAccess, ip: String?
    ) async throws -> BuildView {
        try proof.require(.write)
        try refusePrivate(request.source)
        let (uuid, stateID, now) = (identifiers.uuid(), identifiers.uuid(), clock.now)
        let eventID = identifiers.uuid()
        return try await database.write { transaction in
            let repository = try normalRepository(proof, in: transaction)
            try refuseTooMany(repository, at: now, in: transaction)
            let robotID = try request.pullRobot.map { try pullRobot($0, for: proof.caller, in: transaction) }
            let (displayName, resourceKey, archiveURL) = try source(request.source, for: proof, in: transaction)
            let config = BuildJobConfig(
                dockerTags: request.tags.map(\.text), registry: settings.registryHostname,
                dockerfilePath: request.location.dockerfile, context: request.location.context, isManual: true,
                manualUser: proof.caller.name, archiveURL: archiveURL)
            let item = try WorkQueue.put(
                QueueBody(buildUUID: uuid).text, to: .builds(of: repository.name), retries: Self.maximumLaunches,
                stateID: stateID, now: now, in: transaction)
            try BuildStore.insert(
                .init(
                    uuid: uuid, repositoryID: repository.id, displayName: displayName, config: config,
                    resourceKey: resourceKey, manualUserID: proof.caller.accountID, pullRobotID: robotID,
                    startedAt: now), queueItemID: item, in: transaction)
            var metadata = [
                "build_id": uuid, "repo": repository.name.name, "namespace": repository.name.namespace.text,
                "docker_tags": config.dockerTags.joined(separator: ", "), "is_manual": "true",
            ]
            metadata["manual_user"] = config.manualUser
            metadata["file_id"] = resourceKey
            metadata["archive_url"] = archiveURL
            try AuditLogStore.add(
                AuditEntry(
                    .buildDockerfile, namespaceID: repository.namespaceID, performerID: proof.caller.accountID,
                    repositoryID: repository.id, at: now, ip: ip, metadata: metadata), in: transaction)
            let build = try Self.present(uuid, repository, in: transaction)
            try BuildEvents.queued(build, by: proof.caller.accountID, uuid: eventID, at: now, in: transaction)
            try transaction.notify(.builds)
            return try Self.view(build, repository, now, transaction)
        }
    }

    /// One build of the proof's repository. Errors: `.notFound`, also for a build of another repository.
    package func find(_ uuid: String, in proof: RepositoryAccess) async throws -> BuildView {
        let now = clock.now
        return try await database.read {
            try Self.view(try Self.present(uuid, proof.repository, in: $0), proof.repository, now, $0)
        }
    }

    /// The newest builds, newest first.
    /// - Parameters:
    ///   - since: only builds that were requested at that moment or later.
    ///   - limit: 1 to 100.
    package func list(in proof: RepositoryAccess, since: Date?, limit: Int) async throws -> [BuildView] {
        let now = clock.now
        let limit = min(max(limit, 1), 100)
        return try await database.read { transaction in
            let builds = try BuildStore.list(
                inRepository: proof.repository.id, since: since, limit: limit, in: transaction)
            let attempts = try BuildTimelineStore.attempts(ofBuilds: builds.map(\.id), in: transaction)
            return try builds.map {
                try Self.view($0, proof.repository, attempts[$0.id] ?? [], now, transaction)
            }
        }
    }

    /// Cancels a build that waits, runs, or waits to be tried again; whatever its builder does later changes nothing.
    ///
    /// Errors: `.notFound`; `.invalidRequest` when it is being pushed or has ended.
    package func cancel(_ uuid: String, in proof: RepositoryAccess, ip: String?) async throws {
        try proof.require(.admin)
        let (eventID, now) = (identifiers.uuid(), clock.now)
        try await database.write { transaction in
            let repository = try normalRepository(proof, in: transaction)
            let build = try Self.present(uuid, repository, in: transaction)
            let attempt = try BuildAttemptStore.live(ofBuild: build.id, in: transaction)
            let willBeTriedAgain =
                try attempt != nil
                || build.queueItemID.map { try WorkQueue.hasRetriesLeft($0, in: transaction) } ?? false
            guard build.phase != .pushing, !build.phase.isFinal, willBeTriedAgain || build.phase == .waiting else {
                throw RegistryError(.invalidRequest, "Build is currently running or has finished")
            }
            if let attempt {
                guard try BuildAttemptStore.end(attempt.id, .cancelled, at: now, in: transaction) else { return }
                try DelegateTokenStore.revoke(attemptID: attempt.id, at: now, in: transaction)
            }
            if let item = build.queueItemID { try WorkQueue.remove(item, in: transaction) }
            try BuildStore.setPhase(.cancelled, of: build.id, endedAt: now, in: transaction)
            try BuildLogEntryStore.append(
                .phase(.cancelled, at: now), toBuild: build.id, attempt: attempt?.key.attempt ?? 0, in: transaction)
            try BuildEvents.cancelled(build, by: proof.caller.accountID, uuid: eventID, at: now, in: transaction)
            try AuditLogStore.add(
                AuditEntry(
                    .cancelBuild, namespaceID: repository.namespaceID, performerID: proof.caller.accountID,
                    repositoryID: repository.id, at: now, ip: ip,
                    metadata: [
                        "build_uuid": uuid, "repo": repository.name.name,
                        "namespace": repository.name.namespace.text,
                    ]), in: transaction)
            try transaction.notify(.builds)
            try transaction.notify(.buildLogs)
        }
    }

    static func view(
        _ build: Build, _ repository: Repository, _ now: Date, _ transaction: any Transaction
    ) throws -> BuildView {
        let attempts = try BuildTimelineStore.attempts(ofBuilds: [build.id], in: transaction)
        return try view(build, repository, attempts[build.id] ?? [], now, transaction)
    }

    private static func view(
        _ build: Build, _ repository: Repository, _ attempts: [BuildTimeline.Attempt], _ now: Date,
        _ transaction: any Transaction
    ) throws -> BuildView {
        let retries = try build.queueItemID.map { try WorkQueue.hasRetriesLeft($0, in: transaction) } ?? false
        return BuildView(
            build: build, repository: repository.name, hasRetriesLeft: retries,
            attempt: try BuildAttemptStore.live(ofBuild: build.id, in: transaction), attempts: attempts, now: now)
    }

    private static func present(
        _ uuid: String, _ repository: Repository, in transaction: any Transaction
    ) throws -> Build {
        guard let build = try BuildStore.find(uuid, inRepository: repository.id, in: transaction) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return build
    }

    /// The repository as it is inside this transaction: its state may have changed since access was proved.
    private func normalRepository(
        _ proof: RepositoryAccess, in transaction: any Transaction
    ) throws -> Repository {
        guard let repository = try RepositoryStore.find(id: proof.repository.id, in: transaction),
            repository.state != .markedForDeletion
        else { throw RegistryError(.notFound, "Not Found") }
        guard repository.state == .normal else {
            throw RegistryError(
                .readOnly, "Repository is in read only or mirror mode: \(repository.state.label)")
        }
        return repository
    }

    /// The early, friendly half of the guard: a builder judges the address that it really connects to.
    private func refusePrivate(_ source: BuildRequest.Source) throws {
        guard case .archive(let text) = source else { return }
        guard let host = URLComponents(string: text)?.host, !host.isEmpty else {
            throw RegistryError(.invalidRequest, "The archive URL can't be read.")
        }
        guard !settings.archiveAddresses.refusesLiterally(host) else {
            throw RegistryError(.invalidRequest, "The archive URL leads to a private or local address.")
        }
    }

    private func refuseTooMany(_ repository: Repository, at now: Date, in transaction: any Transaction) throws {
        guard let limit = try BuildStore.maximumQueuedBuilds(ofNamespace: repository.namespaceID, in: transaction)
        else { return }
        let queued = try WorkQueue.aliveCount(
            inLaneOf: .builds(in: repository.name.namespace), at: now, in: transaction)
        guard queued < limit else {
            throw RegistryError(.throttled, "The maximum number of queued builds (\(limit)) has been reached.")
        }
    }

    /// Who lends a build the robot's credentials must be able to see them: an administrator of the robot's namespace, and
    /// with the scope for organizations where an OAuth token asks. Source: Quay 1.12 and 12.5, guide 13.4.2.
    private func pullRobot(_ robot: RobotName, for caller: Caller, in transaction: any Transaction) throws -> Int64 {
        guard let stored = try RobotStore.find(robot, in: transaction), stored.isEnabled else {
            throw RegistryError(.notFound, "Could not find robot with username: \(robot)")
        }
        let id = stored.robot.id
        guard caller.scopes.contains(.organizationAdmin) else { throw RegistryError(.forbidden, "Unauthorized") }
        if case .user(_, let name) = caller.identity, name == robot.namespace { return id }
        _ = try access.namespace(robot.namespace, .administer, for: caller, in: transaction)
        return id
    }

    private func source(
        _ source: BuildRequest.Source, for proof: RepositoryAccess, in transaction: any Transaction
    ) throws -> (displayName: String, resourceKey: String?, archiveURL: String?) {
        switch source {
        case .archive(let url): return (BuildDisplayName.forArchive(url), nil, url)
        case .upload(let id):
            // One answer for a file that never was, is somebody else's, or belongs to another repository.
            guard let file = try UserFileStore.find(id, in: transaction), let checksum = file.checksum,
                file.accountID == proof.caller.accountID,
                try UserFileStore.bind(id, toRepository: proof.repository.id, in: transaction)
            else {
                throw RegistryError(.invalidRequest, "The file \(id) was not uploaded, or can't be used here.")
            }
            return (BuildDisplayName.forUpload(checksum: checksum), id, nil)
        }
    }
}

/// What stands in a build's queue item: ids only. Credentials are read when a builder registers.
struct QueueBody: Codable {
    let buildUUID: String

    init(buildUUID: String) { self.buildUUID = buildUUID }

    /// Nil for a body that nobody of ours wrote.
    init?(_ text: String) {
        guard let body = try? JSONDecoder().decode(QueueBody.self, from: Data(text.utf8)) else { return nil }
        self = body
    }

    // A uuid needs no escaping.
    var text: String { #"{"build_uuid":"\#(buildUUID)"}"# }

    private enum CodingKeys: String, CodingKey { case buildUUID = "build_uuid" }
}
