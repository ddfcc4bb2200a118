import Domain
import Foundation
import Logging
import Redis
import Runtime
import ServiceLifecycle

/// An orchestrator in Redis, for several managers on one database.
///
/// No caller waits for Redis: what they ask for is written in batches, in the background. While Redis is away the managers
/// go on without it, and what it should know is written when it is back, whatever it has forgotten. Jobs that expire are
/// told by key events; where these don't come (nobody may switch them on, or a connection broke), by looking.
actor RedisOrchestrator: Orchestrator {
    struct Settings: Sendable {
        var connection: RedisSettings
        /// ORCHESTRATOR_PREFIX.
        var prefix: String
        /// Switch key events on, where they aren't (not REDIS_SKIP_KEYSPACE_EVENT_SETUP).
        var setsUpEvents = true
        /// How long Redis is left alone after it could not be reached (ORCHESTRATOR_UNAVAILABLE_SLEEP_DURATION).
        var pause: Duration = .seconds(5)
        /// How often expired jobs are looked for: where events come, and where they don't.
        var slowSweep: Duration = .seconds(30)
        var fastSweep: Duration = .seconds(1)
    }

    private enum Reach: Sendable, Hashable {
        case unknown, here, away
    }

    private static let batch = 500
    /// What is asked for within this time is written together.
    private static let gathering: Duration = .milliseconds(20)
    /// Long enough for a key of one millisecond to be gone.
    private static let probeLife: Duration = .milliseconds(20)

    nonisolated let isShared = true
    nonisolated let expiries: AsyncStream<JobKey>

    private let settings: Settings
    private let client: RedisClient
    private let keys: RedisJobKeys
    private let commands: RedisJobCommands
    private let instance: String
    private let clock: WallClock
    private let logger: Logger
    private let expiry: AsyncStream<JobKey>.Continuation
    private let changes: AsyncStream<Void>
    private let change: AsyncStream<Void>.Continuation
    private let ticks: AsyncStream<Void>
    private let tick: AsyncStream<Void>.Continuation
    private var ledger = JobLedger()
    private var reach = Reach.unknown
    /// Key events have been seen to arrive.
    private var hasEvents: Bool?
    /// Probes whose events have not come.
    private var probes = 0
    private var nextSweep = ContinuousClock.now

    /// - Parameter instance: the text of this manager's identity. Errors: `RedisError` when the system has no descriptors left.
    init(_ settings: Settings, instance: String, clock: WallClock, logger: Logger) throws {
        var connection = settings.connection
        // Nothing here is worth a long wait: the database is the truth.
        connection.connectTimeout = min(connection.connectTimeout, .seconds(2))
        connection.commandTimeout = min(connection.commandTimeout, .seconds(2))
        var quiet = logger
        // What becomes of the connection is said here, once for each change.
        quiet.logLevel = .error
        client = try RedisClient(connection, logger: quiet)
        self.settings = settings
        self.instance = instance
        self.clock = clock
        self.logger = logger
        keys = RedisJobKeys(prefix: settings.prefix, database: connection.database)
        commands = RedisJobCommands(keys: keys, instance: instance)
        (expiries, expiry) = AsyncStream.makeStream(of: JobKey.self)
        (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (ticks, tick) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    deinit { expiry.finish() }

    func put(_ record: JobRecord, expiresAt moment: Date) {
        ledger.put(record, expiresAt: moment)
        change.yield()
    }

    func move(_ key: JobKey, expiresAt moment: Date) {
        ledger.move(key, expiresAt: moment, at: clock.now)
        change.yield()
    }

    func release(_ key: JobKey) { ledger.release(key) }

    func remove(_ key: JobKey) {
        ledger.remove(key)
        change.yield()
    }

    /// Writes, listens and looks until it is told to stop; then writes what is left.
    func run() async throws {
        let events = try ExpiryEvents(client, keys: keys, instance: instance)
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.writeChanges() }
                group.addTask { await events.forEach { await self.happened($0) } }
                group.addTask { await self.lookAtEachTick() }
                group.addTask { await self.tickNowAndThen() }
            }
        }
        while await writeBatch() {}
    }

    private func writeChanges() async {
        for await _ in changes {
            do { try await clock.sleep(for: Self.gathering) } catch { return }
            while await writeBatch() {}
        }
    }

    /// Writes some of what is to be written. False when there is no more, or Redis is away.
    private func writeBatch() async -> Bool {
        guard reach != .away else { return false }
        let batch = ledger.takeChanges(Self.batch)
        guard !batch.isEmpty else { return false }
        do {
            let now = clock.now
            let replies = try await client.pipeline(batch.map { try commands.write($0, at: now) })
            for case .error(let words) in replies { throw RedisError.refused(words) }
            await isHere()
            return true
        } catch {
            ledger.giveBack(batch)
            isAway(error)
            return false
        }
    }

    private func happened(_ event: ExpiryEvents.Event) async {
        switch event {
        case .gap:
            // What expired meanwhile was told to nobody, and a server that was started anew has forgotten its settings.
            hasEvents = nil
            probes = 0
            nextSweep = .now
            tick.yield()
        case .probe:
            probes = 0
            if hasEvents != true { logger.info("Redis tells when running builds expire") }
            hasEvents = true
        case .expired(let key): await claim(key)
        }
    }

    private func claim(_ key: JobKey) async {
        guard reach != .away else { return }
        do {
            guard try await client.command(commands.claim(key)).integer == 1 else { return }
            expiry.yield(key)
        } catch { isAway(error) }
    }

    private func tickNowAndThen() async {
        while !Task.isCancelled {
            tick.yield()
            let pause = reach == .away ? settings.pause : min(settings.fastSweep, settings.slowSweep)
            do { try await clock.sleep(for: pause) } catch { return }
        }
    }

    private func lookAtEachTick() async {
        for await _ in ticks where reach == .away || ContinuousClock.now >= nextSweep {
            nextSweep = .now + (hasEvents == true ? settings.slowSweep : settings.fastSweep)
            do {
                if reach == .away { try await setProbe() }
                try await sweep()
                await isHere()
                try await probe()
            } catch is CancellationError { return } catch { isAway(error) }
        }
    }

    /// Looks at every job: one that Redis has lost is put again, one that has expired is claimed.
    private func sweep() async throws {
        let members = try await client.command(["SMEMBERS", keys.jobs]).array ?? []
        var found: Set<JobKey> = []
        for text in members.compactMap(\.text) {
            if let key = try? JobKey(text) {
                found.insert(key)
            } else {
                try await client.command(["SREM", keys.jobs, text])
            }
        }
        for key in ledger.keys.subtracting(found) { ledger.isMissing(key) }
        let known = Array(found)
        let answers = try await client.pipeline(
            known.flatMap { [["EXISTS", keys.job($0)], ["EXISTS", keys.expiring($0)]] })
        for (index, key) in known.enumerated() {
            let exists = (job: answers[index * 2].integer == 1, expiring: answers[index * 2 + 1].integer == 1)
            if exists.job, exists.expiring { continue }
            // Ours, and its moment has not come: Redis has lost it.
            if let moment = ledger.expiry(of: key), !exists.job || moment > clock.now + .seconds(1) {
                ledger.isMissing(key)
            } else if exists.job {
                await claim(key)
            } else {
                ledger.remove(key)
            }
        }
        if ledger.hasChanges { change.yield() }
    }

    /// Lets a key of our own expire: whether its event comes says more than any setting of the server's.
    private func probe() async throws {
        if probes > 1, hasEvents != false {
            logger.notice("Redis does not tell when running builds expire: they are looked for instead")
            hasEvents = false
        }
        if hasEvents != true { await setUpEvents() }
        probes += 1
        try await setProbe()
        try await clock.sleep(for: Self.probeLife)
        // Whoever touches a key that has expired makes Redis notice it.
        try await client.command(["EXISTS", keys.probe(instance)])
    }

    /// As jobs are written, so that it also proves that this may be done.
    private func setProbe() async throws {
        try await client.command(
            ["EVAL", "return redis.call('SET', KEYS[1], '', 'PX', 1)", 1, keys.probe(instance)])
    }

    /// Asks for key events, and leaves what others have asked for.
    private func setUpEvents() async {
        guard settings.setsUpEvents else { return }
        let name = "notify-keyspace-events"
        do {
            let current = try await client.command(["CONFIG", "GET", name]).fields?[name] ?? ""
            let wanted = KeyspaceFlags.withExpiry(current)
            guard wanted != current else { return }
            try await client.command(["CONFIG", "SET", name, wanted])
            logger.info("key events of Redis were switched on", metadata: ["before": "\(current)", "now": "\(wanted)"])
        } catch {
            // Managed servers refuse this; then expired jobs are looked for.
            logger.debug("key events of Redis can't be switched on", metadata: ["error": "\(error)"])
        }
    }

    private func isHere() async {
        guard reach != .here else { return }
        if reach == .away {
            // It may have been started anew, empty.
            ledger.everythingMayBeLost()
            hasEvents = nil
            probes = 0
            logger.notice("Redis is back", metadata: ["jobs": "\(ledger.keys.count)"])
            nextSweep = .now
            change.yield()
        } else {
            logger.info(
                "running builds are kept in Redis",
                metadata: ["server": "\(settings.connection.host):\(settings.connection.port)"])
        }
        reach = .here
    }

    private func isAway(_ error: any Error) {
        if error is CancellationError { return }
        guard reach != .away else { return }
        reach = .away
        logger.warning(
            "Redis is away: running builds go on without it",
            metadata: [
                "server": "\(settings.connection.host):\(settings.connection.port)", "error": "\(error)",
            ])
    }
}
