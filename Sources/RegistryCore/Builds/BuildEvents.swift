import Domain
import Foundation
import SQL

/// The events of a build's life. Each is written in the transaction of the change that it tells of, once for a build.
enum BuildEvents {
    static func queued(
        _ build: Build, by performerID: Int64?, uuid: String, at now: Date, in transaction: any Transaction
    ) throws {
        let requester = BuildRequester(isManual: build.config.isManual, user: build.config.manualUser)
        try add(
            .buildQueued(BuildSubject(build), by: requester), of: build, by: performerID, uuid: uuid, at: now,
            in: transaction)
    }

    /// A builder is at work.
    static func started(
        _ attempt: BuildAttempt, uuid: String, at now: Date, in transaction: any Transaction
    ) throws {
        guard let build = try BuildStore.find(id: attempt.buildID, in: transaction) else { return }
        try add(.buildStarted(BuildSubject(build)), of: build, uuid: uuid, at: now, in: transaction)
    }

    /// The build has ended for good with this attempt.
    static func ended(
        _ attempt: BuildAttempt, _ outcome: AttemptOutcome, _ cause: BuildFailureNote?, uuid: String, at now: Date,
        in transaction: any Transaction
    ) throws {
        guard let build = try BuildStore.find(id: attempt.buildID, in: transaction) else { return }
        let subject = BuildSubject(build)
        let event: DomainEvent
        switch outcome.phase {
        case .complete:
            event = .buildSucceeded(subject, try product(of: attempt, build, in: transaction))
        case .cancelled: event = .buildCancelled(subject)
        default: event = .buildFailed(subject, error: cause?.text)
        }
        try add(event, of: build, uuid: uuid, at: now, in: transaction)
    }

    static func cancelled(
        _ build: Build, by performerID: Int64?, uuid: String, at now: Date, in transaction: any Transaction
    ) throws {
        try add(
            .buildCancelled(BuildSubject(build)), of: build, by: performerID, uuid: uuid, at: now, in: transaction)
    }

    private static func product(
        of attempt: BuildAttempt, _ build: Build, in transaction: any Transaction
    ) throws -> BuildProduct {
        let pushed = try BuildImageStore.images(ofAttempt: attempt.id, in: transaction)
        let images = build.config.dockerTags.compactMap { pushed[$0] }
        guard let repository = try RepositoryStore.find(id: build.repositoryID, in: transaction) else {
            return BuildProduct(imageID: nil, manifests: [])
        }
        var seen: Set<String> = []
        let digests = images.map(\.manifestDigest).filter { seen.insert($0).inserted }
        return BuildProduct(
            imageID: images.lazy.compactMap(\.imageID).first,
            manifests: digests.map { "\(build.config.registry)/\(repository.name)@\($0)" })
    }

    private static func add(
        _ event: DomainEvent, of build: Build, by performerID: Int64? = nil, uuid: String, at now: Date,
        in transaction: any Transaction
    ) throws {
        try EventOutbox.add(
            event, uuid: uuid, repositoryID: build.repositoryID, performerID: performerID, at: now, in: transaction)
    }
}
