import Domain
import Foundation
import Logging
import OCI
import Runtime
import SQL
import Synchronization

/// Which pulls are written down, and what happens when they can't be; a slice of the configuration.
package struct PullLogRule: Sendable {
    /// DISABLED_FOR_AUDIT_LOGS and DISABLED_FOR_PULL_LOGS: namespaces whose pulls nobody wants to know.
    package var unloggedNamespaces: Set<String> = []
    /// ALLOW_PULLS_WITHOUT_STRICT_LOGGING: a pull that can't be written down is answered all the same.
    package var allowsUnloggedPulls = false
    /// REGISTRY_STATE is readonly: nothing is written, so nothing is noted.
    package var isOff = false

    package init() {}
}

/// The pulls of this replica on their way into the usage log.
///
/// A pull must stay cheap: it is noted in memory, and a worker writes what has come together every second, and once more
/// when the program stops. What a killed program loses is that second.
package final class PullLog: Sendable {
    /// How many pulls may wait for a database that takes no writes.
    static let capacity = 50_000
    /// How many are written in one transaction, so that others get their turn.
    private static let batchSize = 2000

    private let platform: Platform
    private let rule: PullLogRule
    private let state = Mutex(State())

    private struct State {
        var waiting: [Pull] = []
        var lost = 0
    }

    private struct Pull: Sendable {
        let at: Date
        let subject: Subject
    }

    /// What many pulls have in common: its text is made once for all of them.
    private struct Subject: Sendable, Hashable {
        let repositoryID: Int64
        let name: RepositoryName
        let namespaceID: Int64
        let caller: Caller
        let reference: ManifestReference
        let ip: String?
        let userAgent: String?
    }

    package init(platform: Platform, rule: PullLogRule = PullLogRule()) {
        self.platform = platform
        self.rule = rule
    }

    /// Notes that a manifest was pulled.
    ///
    /// Errors: `.unavailable` when the usage log has taken no entries for so long that no more can wait, and pulls without
    /// an entry are not allowed.
    package func record(
        _ reference: ManifestReference, in access: RepositoryAccess, ip: String?, userAgent: String?
    ) throws {
        let repository = access.repository
        guard !rule.isOff, !rule.unloggedNamespaces.contains(repository.name.namespace.text) else { return }
        let pull = Pull(
            at: platform.clock.now,
            subject: Subject(
                repositoryID: repository.id, name: repository.name, namespaceID: repository.namespaceID,
                // The entry tells who came, not what their token let them do.
                caller: access.caller.withoutGrants, reference: reference, ip: ip,
                userAgent: userAgent.map { String($0.prefix(255)) }))
        let isNoted = state.withLock { state in
            guard state.waiting.count < Self.capacity else {
                state.lost += 1
                return false
            }
            state.waiting.append(pull)
            return true
        }
        guard isNoted || rule.allowsUnloggedPulls else {
            throw RegistryError(.unavailable, "The usage log can't be written, and no pull goes without an entry.")
        }
    }

    /// Writes what waits. What could not be written waits on.
    package func flush() async throws {
        while true {
            let (batch, lost) = state.withLock { state in
                defer { state.lost = 0 }
                return (Array(state.waiting.prefix(Self.batchSize)), state.lost)
            }
            if lost > 0 { platform.logger.error("\(lost) pulls have no entry in the usage log: it was full") }
            guard !batch.isEmpty else { return }
            try await write(batch)
            state.withLock { $0.waiting.removeFirst(batch.count) }
        }
    }

    private func write(_ batch: [Pull]) async throws {
        try await platform.database.write { transaction in
            var texts: [Subject: String] = [:]
            for pull in batch {
                let subject = pull.subject
                let text = try texts[subject] ?? AuditLogStore.text(of: Self.metadata(of: subject, transaction))
                texts[subject] = text
                try AuditLogStore.add(
                    .pullRepository, namespaceID: subject.namespaceID, performerID: subject.caller.accountID,
                    repositoryID: subject.repositoryID, at: pull.at, ip: subject.ip, metadataText: text,
                    in: transaction)
            }
        }
    }

    private static func metadata(of subject: Subject, _ transaction: any Transaction) throws -> [String: String] {
        var metadata = try CallerMetadata.keys(of: subject.caller, in: transaction)
        metadata["repo"] = subject.name.name
        metadata["namespace"] = subject.name.namespace.text
        metadata["user-agent"] = subject.userAgent
        switch subject.reference {
        case .tag(let name): metadata["tag"] = name.text
        case .digest(let digest): metadata["manifest_digest"] = digest.text
        }
        return metadata
    }
}

extension Caller {
    /// The same caller without the limits of a registry token.
    fileprivate var withoutGrants: Caller {
        grants == nil
            ? self
            : Caller(identity: identity, credential: credential, generation: generation, scopes: scopes)
    }
}
