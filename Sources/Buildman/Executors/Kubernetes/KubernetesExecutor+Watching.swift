import Domain
import Foundation
import Logging
import Runtime

/// A builder whose end shall be told.
struct WatchedBuilder: Sendable {
    /// When it was begun to be watched.
    let since: Date
    /// The pod that may register.
    var podUID: String?
    /// What keeps it from starting, since when.
    var obstacle: (kind: BuilderFate.Obstacle.Kind, since: Date, said: String)?
    /// Its end was told.
    var isTold = false
    /// The next look at it, where the watches alone would not tell.
    var look: Task<Void, Never>?

    init(since: Date) { self.since = since }
}

/// What the watches tell, and what becomes of it.
extension KubernetesExecutor {
    func take(_ change: KubernetesWatch<KubernetesJob>.Change) {
        let isList = if case .listed = change { true } else { false }
        let (changed, gone) = table.take(change)
        for key in changed { look(at: key) }
        for key in gone where watched[key] != nil {
            // A list may be older than what was made meanwhile.
            if isList { confirm(key) } else { tell(key, "its Job was deleted by somebody else") }
        }
    }

    func take(_ change: KubernetesWatch<KubernetesPod>.Change) {
        for key in table.take(change) { look(at: key) }
    }

    func forget(_ key: JobKey) { watched.removeValue(forKey: key)?.look?.cancel() }

    /// Judges a builder by what is known of it now.
    func look(at key: JobKey) {
        guard let builder = watched[key], !builder.isTold, let job = table.jobs[key] else { return }
        let pods = table.pods(of: key)
        if builder.podUID == nil { watched[key]?.podUID = pods.first?.metadata.uid }
        var fate = BuilderFate(job: job, pods: pods, names)
        if let pod = builder.podUID, job.end == nil, !pods.contains(where: { $0.metadata.uid == pod }) {
            fate = .podIsGone
        }
        if case .over(let how, let printed) = fate {
            tell(key, how, printed: printed)
        } else if case .stuck(let obstacle) = fate {
            meet(obstacle, key, job, pods.first)
        } else {
            watched[key]?.obstacle = nil
            watched[key]?.look?.cancel()
        }
    }

    /// Something keeps a builder from starting: said at once, and judged when it stays.
    private func meet(_ obstacle: BuilderFate.Obstacle, _ key: JobKey, _ job: KubernetesJob, _ pod: KubernetesPod?) {
        let known = watched[key]?.obstacle
        // An image that could not be pulled and is to be pulled again says less the second time.
        let said = known?.kind == obstacle.kind ? known?.said ?? obstacle.sentence : obstacle.sentence
        let isNew = known?.kind != obstacle.kind
        watched[key]?.obstacle = (obstacle.kind, isNew ? clock.now : known?.since ?? clock.now, said)
        guard isNew else { return }
        if obstacle.kind != .noPod, obstacle.kind != .unexplained {
            logger.warning("a builder does not start: \(obstacle.sentence)", metadata: ["job": "\(key)"])
        }
        lookAgain(key, after: firstLook(obstacle.kind), of: job, pod)
    }

    private func lookAgain(_ key: JobKey, after wait: Duration, of job: KubernetesJob, _ pod: KubernetesPod?) {
        watched[key]?.look?.cancel()
        watched[key]?.look = Task { [weak self, clock] in
            do { try await clock.sleep(for: wait) } catch { return }
            await self?.judgeObstacle(key, of: job, pod)
        }
    }

    /// Asks the cluster's events about what keeps a builder, and ends the wait where nothing will get better.
    private func judgeObstacle(_ key: JobKey, of job: KubernetesJob, _ pod: KubernetesPod?) async {
        guard let before = watched[key]?.obstacle, let uid = pod?.metadata.uid ?? job.metadata.uid else { return }
        var events: [KubernetesEvent] = []
        do { events = try await client.events(ofObject: uid) } catch is CancellationError { return } catch {
            // The sentence is poorer without them, and still a sentence.
            logger.debug("the cluster's events can't be read: \(error)", metadata: ["job": "\(key)"])
        }
        // It may have been stopped, or have started, meanwhile.
        guard let obstacle = watched[key]?.obstacle, obstacle.kind == before.kind else { return }
        let age = clock.now.timeIntervalSince(obstacle.since)
        let patience = patience(with: obstacle.kind, obstacle.said, events)
        if let patience, age + 0.05 >= patience.inSeconds {
            tell(key, Self.sentence(obstacle.said, obstacle.kind, events))
        } else {
            let left = patience.map { Duration.milliseconds(Int64(($0.inSeconds - age) * 1000) + 1) }
            lookAgain(key, after: min(left ?? .seconds(10), .seconds(10)), of: job, pod)
        }
    }

    private func firstLook(_ kind: BuilderFate.Obstacle.Kind) -> Duration {
        switch kind {
        case .noPod: settings.timing.noPod
        case .image: .milliseconds(200)
        case .container: settings.timing.retries
        case .unexplained: settings.timing.explanation
        case .unschedulable: min(settings.timing.unschedulable, .seconds(10))
        }
    }

    /// How long an obstacle may stay; nil: as long as the builder has time to register.
    private func patience(
        with kind: BuilderFate.Obstacle.Kind, _ said: String, _ events: [KubernetesEvent]
    ) -> Duration? {
        // A little earlier than the manager would say only that it took too long.
        let setup = profile.setupTime * 9 / 10
        switch kind {
        case .noPod: return events.contains { $0.reason == "FailedCreate" } ? .zero : nil
        case .container: return min(settings.timing.retries, setup)
        case .unexplained: return settings.timing.explanation
        case .image:
            let words = (events.compactMap(\.message) + [said]).joined(separator: " ").lowercased()
            // A registry that is out of reach for a moment deserves another try, and a wrong name doesn't.
            let isFinal = Self.finalWords.contains { words.contains($0) }
            return isFinal ? .zero : min(settings.timing.retries, setup)
        case .unschedulable(let nodesAreFull):
            let grows = events.contains { ["TriggeredScaleUp", "Nominated"].contains($0.reason) }
            return nodesAreFull || grows ? setup : min(settings.timing.unschedulable, setup)
        }
    }

    private static let finalWords = [
        "not found", "manifest unknown", "does not exist", "unauthorized", "authentication required", "denied",
        "forbidden", "no match for platform", "invalid reference", "unsupported",
    ]

    /// The sentence with what the events say in addition.
    private static func sentence(
        _ sentence: String, _ kind: BuilderFate.Obstacle.Kind, _ events: [KubernetesEvent]
    ) -> String {
        let telling: KubernetesEvent? =
            switch kind {
            case .noPod: events.last { $0.reason == "FailedCreate" }
            case .image: events.last { $0.reason == "Failed" && $0.message?.contains("pull image") == true }
            case .container, .unschedulable, .unexplained: nil
            }
        guard let words = telling?.message, !sentence.contains(words) else { return sentence }
        return "\(sentence): \(words)"
    }

    /// The Job was not in a list; is it really gone?
    private func confirm(_ key: JobKey) {
        watched[key]?.look?.cancel()
        watched[key]?.look = Task { [weak self, client] in
            do {
                guard try await client.find(key.text, as: KubernetesJob.self) == nil else { return }
            } catch { return }
            await self?.tell(key, "its Job was deleted by somebody else")
        }
    }

    private func tell(_ key: JobKey, _ how: String, printed: String? = nil) {
        guard let builder = watched[key], !builder.isTold else { return }
        watched[key]?.isTold = true
        builder.look?.cancel()
        var metadata: Logger.Metadata = ["job": "\(key)", "how": "\(how)"]
        if let printed, !printed.isEmpty { metadata["printed"] = "\(printed.suffix(1000))" }
        logger.notice("a builder ended", metadata: metadata)
        ended.yield(BuilderEnd(key: key, how: how))
    }
}
