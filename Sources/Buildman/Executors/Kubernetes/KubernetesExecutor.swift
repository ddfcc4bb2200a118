import Domain
import Foundation
import Logging
import RegistryCore
import Runtime

/// Starts each builder as a Job of a Kubernetes cluster: a pod with a virtual machine, or one with the agent itself.
///
/// A Job is called like its attempt, so it is made once, whoever asks. Its secrets stand in a Secret of the same name that
/// goes with it; without the Secret no pod of it starts. What becomes of Jobs and pods is watched, and a builder that
/// can't start or has ended is told within seconds, in words for a person.
actor KubernetesExecutor: Executor {
    struct Settings: Sendable {
        var profile: ExecutorProfile
        var access: KubernetesAccess
        var labels: JobLabels
        var manifest: JobManifest.Settings
        /// What the Secret of an attempt holds; the manifest knows how to pack it.
        var entries: @Sendable (JobManifest, BuilderLaunch) throws -> JobManifest.Entries
        var timing = Timing()
    }

    /// How long is waited for what.
    struct Timing: Sendable {
        var watch = WatchTiming()
        /// A stop gives up after it, and the next look for leftovers goes on.
        var stop: Duration = .seconds(30)
        /// A look for leftovers waits so long for the first list of Jobs.
        var firstList: Duration = .seconds(3)
        /// A Job without a pod is looked into after it.
        var noPod: Duration = .seconds(3)
        /// The kubelet may try so long what may succeed the next time.
        var retries: Duration = .seconds(15)
        /// What is over waits so long for what may explain it.
        var explanation: Duration = .seconds(2)
        /// No node fits, and that nodes get free would not help.
        var unschedulable: Duration = .seconds(60)
    }

    nonisolated let profile: ExecutorProfile
    nonisolated let ends: AsyncStream<BuilderEnd>

    nonisolated let settings: Settings
    nonisolated let manifest: JobManifest
    let names: BuilderFate.Names
    let client: KubernetesClient
    let clock: WallClock
    let logger: Logger
    let ended: AsyncStream<BuilderEnd>.Continuation
    var table: KubernetesTable
    /// Builders whose end is told: of attempts that this process started, or that it was told are live.
    var watched: [JobKey: WatchedBuilder] = [:]
    private let randomness: Randomness
    private var watches: [Task<Void, Never>] = []
    private var starting: Set<JobKey> = []
    /// Stopped while they were being started.
    private var stoppedEarly: Set<JobKey> = []
    /// What is to go and could not be ended yet, or was started for nothing.
    private var unwanted: Set<JobKey> = []
    /// Starts that failed: nothing was made, or it is being taken away, and nothing of it can speak for the build.
    private var failed: Set<JobKey> = []
    /// Attempts that are known to be over, of Jobs that still stand.
    private var over: Set<JobKey> = []

    init(_ settings: Settings, clock: WallClock, randomness: Randomness = .system, logger: Logger) {
        self.settings = settings
        profile = settings.profile
        manifest = JobManifest(settings: settings.manifest)
        names = BuilderFate.Names(settings.manifest.kubernetes)
        client = KubernetesClient(settings.access, namespace: settings.manifest.kubernetes.namespace)
        table = KubernetesTable(labels: settings.labels)
        self.clock = clock
        self.randomness = randomness
        var logger = logger
        logger[metadataKey: "executor"] = "\(settings.profile.name)"
        self.logger = logger
        (ends, ended) = AsyncStream.makeStream(of: BuilderEnd.self)
    }

    deinit {
        for watch in watches { watch.cancel() }
        for builder in watched.values { builder.look?.cancel() }
        ended.finish()
    }

    func start(_ launch: BuilderLaunch) async throws -> String {
        let key = launch.key
        beginWatching()
        starting.insert(key)
        unwanted.remove(key)
        defer {
            starting.remove(key)
            stoppedEarly.remove(key)
        }
        do {
            do { try await make(launch) } catch {
                failed.insert(key)
                throw error
            }
            failed.remove(key)
        } catch let refusal as KubernetesRefusal {
            throw ExecutorFailure(refusal.description)
        } catch let silence as KubernetesSilence { throw ExecutorFailure(silence.description) }
        guard !stoppedEarly.contains(key) else {
            await end(key, within: settings.timing.stop)
            throw ExecutorFailure("The build was ended while its builder was being started.")
        }
        if watched[key] == nil { watched[key] = WatchedBuilder(since: clock.now) }
        look(at: key)
        return key.text
    }

    /// The Secret has done its work: what a pod was started with it keeps.
    func builderHasRegistered(_ key: JobKey) async {
        do { try await client.delete(.secrets, key.text) } catch {
            // It still goes with its Job.
            logger.warning("a builder's Secret can't be deleted: \(error)", metadata: ["job": "\(key)"])
        }
    }

    func stop(_ key: JobKey) async {
        if starting.contains(key) { stoppedEarly.insert(key) }
        forget(key)
        // An API that is out of reach must not keep the next executor from its turn.
        if failed.remove(key) != nil, !starting.contains(key) { return }
        over.insert(key)
        if settings.manifest.isDebug, !stoppedEarly.contains(key) {
            await keep(key)
        } else {
            await end(key, within: settings.timing.stop)
        }
    }

    func reap(keeping live: LiveAttempts) async {
        beginWatching()
        guard await isListed() else { return }
        let found = Set(table.jobs.keys)
        guard let live = await live.among(found) else { return }
        await reap(found: found, live: live)
    }

    func keptBuilders() -> Int {
        guard settings.manifest.isDebug else { return 0 }
        return table.jobs.count(where: { over.contains($0.key) && $0.value.end == nil })
    }

    /// Makes the Job and its Secret. Nothing of it stays behind when that fails, or it is taken away later.
    private func make(_ launch: BuilderLaunch) async throws {
        let key = launch.key
        let entries = try settings.entries(manifest, launch)
        let labels = settings.labels.all(for: key, at: clock.now)
        let json = try manifest.job(for: launch, labels: labels, entries: entries)
        var mayStand = false
        do {
            let job: KubernetesJob
            do { job = try await client.create(json, .jobs, as: KubernetesJob.self) } catch {
                // Whether a request that was not answered took effect, nobody knows.
                mayStand = Self.mayHaveTakenEffect(error)
                guard (error as? KubernetesRefusal)?.status == 409 else { throw error }
                job = try await existingJob(key)
            }
            mayStand = true
            let secret = try manifest.secret(ownedBy: job.metadata, labels: labels, entries: entries)
            do { _ = try await client.create(secret, .secrets, as: KubernetesCreated.self) } catch let refusal
                as KubernetesRefusal where refusal.status == 409
            { logger.debug("a builder was started before", metadata: ["job": "\(key)"]) }
        } catch {
            if mayStand {
                unwanted.insert(key)
                Task { [weak self, limit = settings.timing.stop] in await self?.end(key, within: limit) }
            }
            throw error
        }
    }

    private static func mayHaveTakenEffect(_ error: any Error) -> Bool {
        switch error {
        case let refusal as KubernetesRefusal: refusal.status >= 500
        case let silence as KubernetesSilence: silence.mayHaveTakenEffect
        default: error is CancellationError
        }
    }

    /// The Job that has the attempt's name already. Errors: it isn't ours, or on its way out.
    private func existingJob(_ key: JobKey) async throws -> KubernetesJob {
        guard let job = try await client.find(key.text, as: KubernetesJob.self) else {
            throw ExecutorFailure("The Job \(key) was deleted while it was being started.")
        }
        guard settings.labels.key(ofJob: job.metadata) == key else {
            throw ExecutorFailure(
                "The namespace \(client.namespace) has a Job \(key) that this executor has not made, and leaves alone.")
        }
        guard job.metadata.deletionTimestamp == nil else {
            throw ExecutorFailure("An older Job \(key) is still being deleted.")
        }
        return job
    }

    private func reap(found: Set<JobKey>, live: Set<JobKey>) async {
        failed = []
        over.formIntersection(found)
        for (key, builder) in watched where builder.isTold && !found.contains(key) { forget(key) }
        for key in found.intersection(live).subtracting(unwanted) {
            over.remove(key)
            if watched[key] == nil { watched[key] = WatchedBuilder(since: clock.now) }
            // An end that nobody could store is told again.
            watched[key]?.isTold = false
            look(at: key)
        }
        let left = found.subtracting(live).subtracting(starting).subtracting(watched.keys)
        over.formUnion(left)
        let going = (settings.manifest.isDebug ? [] : left).union(unwanted.subtracting(starting))
        await withTaskGroup(of: Void.self) { group in
            for key in going {
                if left.contains(key), !unwanted.contains(key) {
                    logger.notice("ended what was left of a build", metadata: ["job": "\(key)"])
                }
                group.addTask { await self.end(key, within: .zero) }
            }
        }
    }

    /// Ends Secret, Job and pods of an attempt, and waits until no pod is left; does nothing to what isn't ours.
    ///
    /// What can't be ended in time is tried again with each look for leftovers.
    private func end(_ key: JobKey, within limit: Duration) async {
        let deadline = clock.now + limit
        var pause = Duration.milliseconds(200)
        while true {
            do {
                if try await isEnded(key) {
                    unwanted.remove(key)
                    return
                }
                guard clock.now < deadline else {
                    if limit > .zero {
                        logger.error(
                            "a builder's pod does not end: is its node still there?", metadata: ["job": "\(key)"])
                    }
                    break
                }
            } catch is CancellationError { break } catch {
                guard clock.now < deadline else {
                    if limit > .zero || !unwanted.contains(key) {
                        logger.error("a builder can't be ended: \(error)", metadata: ["job": "\(key)"])
                    }
                    break
                }
            }
            do { try await clock.sleep(for: pause) } catch { break }
            pause = min(pause * 2, .seconds(1))
        }
        unwanted.insert(key)
    }

    /// Asks for the end of everything that there is of an attempt. True when there is nothing any more.
    private func isEnded(_ key: JobKey) async throws -> Bool {
        let job = try await client.find(key.text, as: KubernetesJob.self)
        if let job {
            guard settings.labels.key(ofJob: job.metadata) == key else {
                logger.warning("left a Job alone that this executor has not made", metadata: ["job": "\(key)"])
                return true
            }
        }
        // First what opens something, then what would start pods again, then the pods.
        try await client.delete(.secrets, key.text)
        if let job { try await client.delete(.jobs, key.text, uid: job.metadata.uid) }
        let selector = settings.labels.selector(of: key)
        let pods = try await client.list(KubernetesPod.self, selector: selector).objects
        guard !pods.isEmpty else { return job == nil }
        // Also those that are ending already: the cluster's own clean-up gives them half a minute.
        try await client.deleteAll(.pods, selector: selector, grace: 1)
        return false
    }

    /// DEBUG: Job and pod stay; their secrets go.
    private func keep(_ key: JobKey) async {
        do { try await client.delete(.secrets, key.text) } catch {
            logger.warning("the Secret of a kept builder can't be deleted: \(error)", metadata: ["job": "\(key)"])
        }
        guard table.jobs[key] != nil || !table.isComplete else { return }
        let pod = table.pods(of: key).first?.metadata.name ?? "job/\(key)"
        let space = client.namespace
        let way =
            switch settings.manifest.kubernetes.pod {
            case .virtualMachine:
                "kubectl -n \(space) port-forward \(pod) 9999:2222, then ssh -p 9999 core@localhost journalctl -u quay-builder"
            case .agent: "kubectl -n \(space) logs \(pod)"
            }
        logger.notice(
            "kept a builder, since DEBUG is set: it takes the place of a build until its Job ends or is deleted",
            metadata: [
                "job": "\(key)", "look": "\(way)", "delete": "kubectl -n \(space) delete job \(key)",
            ])
    }

    private func beginWatching() {
        guard watches.isEmpty else { return }
        let jobs = watch(KubernetesJob.self)
        let pods = watch(KubernetesPod.self)
        watches = [
            Task { [weak self] in await jobs.run { [weak self] in await self?.take($0) } },
            Task { [weak self] in await pods.run { [weak self] in await self?.take($0) } },
        ]
    }

    private func watch<Object: KubernetesObject>(_ type: Object.Type) -> KubernetesWatch<Object> {
        KubernetesWatch(
            client: client, selector: settings.labels.selector, timing: settings.timing.watch, clock: clock,
            randomness: randomness, logger: logger)
    }

    /// Whether Jobs have been listed; waits a little for it.
    private func isListed() async -> Bool {
        let end = clock.now + settings.timing.firstList
        while !table.isComplete {
            guard clock.now < end else { return false }
            do { try await clock.sleep(for: .milliseconds(20)) } catch { return false }
        }
        return true
    }
}

/// What is made and needs no second look.
struct KubernetesCreated: Decodable, Sendable {
    let metadata: KubernetesMetadata
}
