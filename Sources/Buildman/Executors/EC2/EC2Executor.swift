import AWS
import Domain
import Foundation
import Logging
import RegistryCore
import Runtime

/// Starts builders as instances of EC2, one for each attempt.
///
/// EC2 is the only memory: tags say which instances are whose, so that any manager finds, adopts and ends them. What was
/// started a moment ago may not be visible yet, and is not taken for gone.
actor EC2Executor: Executor {
    struct Settings: Sendable {
        var profile: ExecutorProfile
        /// DEBUG: builders of ended attempts are kept, until their machine's longest time ends them.
        var keepsBuilders: Bool
        var pollPeriod: Duration
        /// So long may EC2 not know what it has started.
        var invisibleTime: TimeInterval = 300
        /// What is younger is not reaped: its attempt may be newer than the list of live ones.
        var youth: TimeInterval = 120
    }

    private struct Builder {
        /// Nil while it is being started.
        var instanceID: String?
        let since: Date
        var isSeen = false
        /// Looks in a row that did not show it.
        var misses = 0
        /// Its metadata service is closed, or can't be.
        var isClosed = false
    }

    /// A builder that must end, and did not answer yet that it does.
    private struct Leftover {
        let instanceID: String?
        let since: Date
    }

    nonisolated let profile: ExecutorProfile
    nonisolated let ends: AsyncStream<BuilderEnd>

    private let settings: Settings
    private let client: EC2Client
    private let images: ImageLookup
    private let request: LaunchRequest
    private let clock: WallClock
    private let logger: Logger
    private let ended: AsyncStream<BuilderEnd>.Continuation
    private var builders: [JobKey: Builder] = [:]
    private var leftovers: [JobKey: Leftover] = [:]
    /// Attempts whose agents have their job: nobody needs the metadata of their machines any more.
    private var registered: Set<JobKey> = []
    /// Instances that DEBUG keeps.
    private var kept: Set<String> = []
    private var looking: Task<Void, Never>?
    private var isBlind = false

    init(
        _ settings: Settings, request: LaunchRequest, client: EC2Client, images: ImageLookup, clock: WallClock,
        logger: Logger
    ) {
        self.settings = settings
        self.profile = settings.profile
        self.request = request
        self.client = client
        self.images = images
        self.clock = clock
        self.logger = logger
        (ends, ended) = AsyncStream.makeStream(of: BuilderEnd.self)
    }

    deinit {
        looking?.cancel()
        ended.finish()
    }

    func start(_ launch: BuilderLaunch) async throws -> String {
        let key = launch.key
        if let id = builders[key]?.instanceID { return id }
        guard leftovers[key] == nil else { throw ExecutorFailure("The instance of \(key) is being ended.") }
        let order = try await request.launch(for: launch, from: try await images.image())
        builders[key] = Builder(since: clock.now)
        let id: String
        do { id = try await run(order, key) } catch {
            // It may run all the same; the attempt goes to another executor now.
            builders[key] = nil
            if !Self.isRefusal(error) { leave(key, nil) }
            throw error as? ExecutorFailure ?? ExecutorFailure("\(error)")
        }
        guard builders[key] != nil else {
            // Stopped while it was being started.
            await end(key, id)
            return id
        }
        builders[key]?.instanceID = id
        look()
        return id
    }

    func stop(_ key: JobKey) async {
        let builder = builders.removeValue(forKey: key)
        registered.remove(key)
        if settings.keepsBuilders {
            if let id = builder?.instanceID, kept.insert(id).inserted { sayKept(key, id) }
            return
        }
        // One that is being started ends as soon as it has a name.
        if let builder, builder.instanceID == nil { return }
        await end(key, builder?.instanceID)
    }

    func builderHasRegistered(_ key: JobKey) {
        registered.insert(key)
        look()
    }

    func reap(keeping live: LiveAttempts) async {
        guard let found = await instances() else { return }
        let known = Set(found.compactMap { request.key(of: $0) }).union(builders.keys)
        guard let live = await live.among(known) else { return }
        for instance in found where !instance.state.isEnding {
            guard let key = request.key(of: instance) else { continue }
            if live.contains(key) {
                adopt(key, instance)
            } else if isYoung(key, instance) {
                continue
            } else if settings.keepsBuilders {
                builders[key] = nil
                if kept.insert(instance.id).inserted { sayKept(key, instance.id) }
            } else {
                logger.notice(
                    "ended what was left of a build", metadata: ["job": "\(key)", "instance": "\(instance.id)"])
                builders[key] = nil
                await end(key, instance.id)
            }
        }
        forgetEnded(found)
        for (key, builder) in builders where !live.contains(key) && isOld(builder.since) { builders[key] = nil }
    }

    func keptBuilders() -> Int { kept.count }

    private func run(_ order: EC2Launch, _ key: JobKey) async throws -> String {
        do {
            let instance = try await client.run(order)
            logger.info(
                "started an instance",
                metadata: ["job": "\(key)", "instance": "\(instance.id)", "image": "\(order.imageID)"])
            return instance.id
        } catch let error as EC2Error where error.kind == .tokenUsed {
            // Asked before, with another registration token: that one runs, or has ended.
            let found = try await client.instances(tagged: request.tags(of: key))
            guard let running = found.first(where: { !$0.state.isOver }) else { throw error }
            return running.id
        }
    }

    /// Whether EC2 said for certain that nothing was started.
    private static func isRefusal(_ error: any Error) -> Bool {
        guard let error = error as? EC2Error else { return false }
        return error.kind != .unavailable && error.kind != .tokenUsed
    }

    /// Ends an instance, or the instances of an attempt where it isn't known which. What does not answer is asked again
    /// with the next looks.
    private func end(_ key: JobKey, _ id: String?) async {
        do {
            var ids = [id].compactMap { $0 }
            if id == nil {
                let found = try await client.instances(tagged: request.tags(of: key))
                ids = found.filter { !$0.state.isEnding }.map(\.id)
            }
            for id in ids {
                let state = try await client.terminate(id)
                logger.info(
                    "ended an instance",
                    metadata: ["job": "\(key)", "instance": "\(id)", "state": "\(state.rawValue)"])
            }
            // One that can't be found may only be not visible yet: what is remembered of it stays.
            if !ids.isEmpty { leftovers[key] = nil }
        } catch let error as EC2Error where error.kind == .notFound {
            leave(key, id)
        } catch {
            logger.error(
                "an instance can't be ended; it is tried again",
                metadata: ["job": "\(key)", "instance": "\(id ?? "-")", "error": "\(error)"])
            leave(key, id)
        }
    }

    private func leave(_ key: JobKey, _ id: String?) {
        guard leftovers[key] == nil else { return }
        leftovers[key] = Leftover(instanceID: id, since: clock.now)
        look()
    }

    private func adopt(_ key: JobKey, _ instance: EC2Instance) {
        guard builders[key] == nil, leftovers[key] == nil else { return }
        builders[key] = Builder(instanceID: instance.id, since: instance.launchedAt, isSeen: true)
        look()
    }

    private func isYoung(_ key: JobKey, _ instance: EC2Instance) -> Bool {
        !isOld(max(instance.launchedAt, builders[key]?.since ?? .distantPast))
    }

    private func isOld(_ since: Date) -> Bool { clock.now.timeIntervalSince(since) >= settings.youth }

    private func sayKept(_ key: JobKey, _ id: String) {
        logger.notice(
            "DEBUG keeps the builder of an ended attempt, which holds the place of a build",
            metadata: ["job": "\(key)", "instance": "\(id)"])
    }
}

/// Looking at the instances, all of them in one call, as long as there is something to see.
extension EC2Executor {
    /// Begins to look, unless it is looking.
    private func look() {
        guard looking == nil else { return }
        looking = Task { [weak self, clock, period = settings.pollPeriod] in
            while true {
                do { try await clock.sleep(for: period) } catch { return }
                guard let self, await self.lookOnce() else { return }
            }
        }
    }

    /// False when nothing is left to look for.
    private func lookOnce() async -> Bool {
        if let found = await instances() {
            await endLeftovers(found)
            settle(found)
            forgetEnded(found)
            await closeMetadata()
        }
        let goesOn = !builders.isEmpty || !leftovers.isEmpty || !kept.isEmpty
        if !goesOn { looking = nil }
        return goesOn
    }

    /// Nil when EC2 does not say; that is logged once.
    private func instances() async -> [EC2Instance]? {
        do {
            let found = try await client.instances(tagged: request.ownTags)
            if isBlind { logger.notice("EC2 says again which instances run", metadata: ["executor": "\(name)"]) }
            isBlind = false
            return found
        } catch {
            if !isBlind {
                logger.error(
                    "EC2 does not say which instances run", metadata: ["executor": "\(name)", "error": "\(error)"])
            }
            isBlind = true
            return nil
        }
    }

    /// Tells the ends of builders that ended by themselves.
    private func settle(_ found: [EC2Instance]) {
        let byID = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for (key, builder) in builders {
            guard let id = builder.instanceID else { continue }
            guard let instance = byID[id] else {
                builders[key]?.misses += 1
                let isGone =
                    builder.isSeen
                    ? builder.misses >= 2 : clock.now.timeIntervalSince(builder.since) > settings.invisibleTime
                if isGone { tellEnd(key, id, "EC2 knows its instance \(id) no more") }
                continue
            }
            builders[key]?.isSeen = true
            builders[key]?.misses = 0
            guard instance.state.isOver else { continue }
            let reason = instance.reason.isEmpty ? "" : ": \(instance.reason)"
            tellEnd(key, id, "its instance \(id) is \(instance.state.rawValue)\(reason)")
            // A stopped one still costs its disk.
            if !instance.state.isEnding, !settings.keepsBuilders { leave(key, id) }
        }
    }

    private func tellEnd(_ key: JobKey, _ id: String, _ how: String) {
        builders[key] = nil
        registered.remove(key)
        logger.notice("a builder ended", metadata: ["job": "\(key)", "instance": "\(id)", "how": "\(how)"])
        ended.yield(BuilderEnd(key: key, how: how))
    }

    private func endLeftovers(_ found: [EC2Instance]) async {
        for (key, leftover) in leftovers {
            let left = found.filter { instance in
                if let id = leftover.instanceID { instance.id == id } else { request.key(of: instance) == key }
            }
            for instance in left where !instance.state.isEnding { await end(key, instance.id) }
            let isSettled = !left.isEmpty && left.allSatisfy(\.state.isEnding)
            if isSettled || clock.now.timeIntervalSince(leftover.since) > settings.invisibleTime {
                leftovers[key] = nil
            }
        }
    }

    private func forgetEnded(_ found: [EC2Instance]) {
        kept.formIntersection(found.filter { !$0.state.isEnding }.map(\.id))
    }

    /// The user data hold the worker's password: once the agent is at work, not even root of the machine can read them.
    private func closeMetadata() async {
        for (key, builder) in builders where registered.contains(key) && !builder.isClosed {
            guard let id = builder.instanceID else { continue }
            do {
                try await client.closeMetadata(of: id)
                builders[key]?.isClosed = true
            } catch let error as EC2Error where error.kind == .denied || error.kind == .failed {
                // Another try would end like this one.
                builders[key]?.isClosed = true
                logger.warning(
                    "an instance's metadata can't be closed; only the machine itself keeps its build away from them",
                    metadata: ["job": "\(key)", "instance": "\(id)", "error": "\(error)"])
            } catch {
                logger.debug("an instance's metadata is still open", metadata: ["job": "\(key)", "error": "\(error)"])
            }
        }
    }
}
