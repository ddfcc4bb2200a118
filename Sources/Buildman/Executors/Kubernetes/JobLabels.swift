import Domain
import Foundation
import OCI

/// The labels by which Jobs and their pods are found again, and told from those of others.
///
/// Managers of one installation share `installation`, and so one may end what another has left behind. Two executors of
/// one namespace never touch each other's Jobs.
struct JobLabels: Sendable, Hashable {
    /// Derived from what only one installation has.
    let installation: String
    /// The executor's name.
    let executor: String
    /// The host of the manager that makes a Job.
    let manager: String

    /// - Parameter identity: what every manager of this installation knows, and no other installation. Not a secret.
    init(identity: String, executor: String, manager: String) {
        installation = String(Digest(of: Array(identity.utf8)).hex.prefix(16))
        self.executor = Self.value(executor)
        self.manager = Self.value(manager)
    }

    /// For the Job and the pod of an attempt. Source: Quay 6.10; `attempt` and what follows it are our own.
    func all(for key: JobKey, at now: Date) -> [String: String] {
        let hour = now.formatted(
            Date.ISO8601FormatStyle(timeZone: .gmt).year().month().day().dateSeparator(.dash)
                .dateTimeSeparator(.space).time(includingFractionalSeconds: false)
        ).prefix(13).replacingOccurrences(of: " ", with: "-")
        return [
            "build": key.buildUUID, "time": hour, "manager": manager, "quay-sha": "buildman",
            "attempt": "\(key.attempt)", "installation": installation, "executor": executor,
        ]
    }

    /// Chooses what this executor has made, whichever manager did.
    var selector: String { "build,installation=\(installation),executor=\(executor)" }

    /// Chooses the pods of one attempt.
    func selector(of key: JobKey) -> String { "job-name=\(key),\(selector)" }

    /// The attempt that a Job of this executor belongs to; nil for what somebody else has made.
    func key(ofJob metadata: KubernetesMetadata) -> JobKey? {
        guard let key = key(labels: metadata.labels), metadata.name == key.text else { return nil }
        return key
    }

    /// The attempt that a pod belongs to; nil for what is not of a Job of this executor.
    func key(ofPod metadata: KubernetesMetadata) -> JobKey? {
        guard let key = key(labels: metadata.labels), metadata.labels?["job-name"] == key.text else { return nil }
        return key
    }

    private func key(labels: [String: String]?) -> JobKey? {
        guard let labels, labels["installation"] == installation, labels["executor"] == executor,
            let build = labels["build"], let attempt = labels["attempt"]
        else { return nil }
        return try? JobKey("\(build)-\(attempt)")
    }

    /// `text` as a label's value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
    /// What had to be changed gets a digest, so that different texts stay different.
    static func value(_ text: String) -> String {
        let isLetter = { (character: Character) in
            character.isASCII && (character.isLetter || character.isNumber)
        }
        let allowed = text.map { isLetter($0) || "-_.".contains($0) ? $0 : "-" }
        if String(allowed) == text, text.count <= 63, let first = text.first, let last = text.last, isLetter(first),
            isLetter(last)
        {
            return text
        }
        let kept = String(allowed.prefix(50).drop { !isLetter($0) })
        return (kept.isEmpty ? "" : "\(kept)-") + Digest(of: Array(text.utf8)).hex.prefix(8)
    }
}
