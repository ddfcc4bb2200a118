import Domain
import Foundation
package import Logging
import Redis
import Synchronization

/// The logs of running builds in Redis, as other programs may read them there: `builds/<uuid>/logs`, a list of entries,
/// and `builds/<uuid>/status`. Source: Quay 6.12.
///
/// Entry n of a list is entry n of the log, or the list is shorter. A Redis that is away costs each caller a moment, then
/// nobody asks it for a while.
package struct BuildLogCache: Sendable {
    /// Seconds that a list lives after its last entry, and a status.
    static let lifetime = 7 * 86_400
    /// Seconds that a status lives after its build's log was archived.
    static let archivedLifetime = 86_400
    private static let entriesAtOnce = 100
    /// For how long nobody asks a Redis that did not answer.
    private static let pause = Duration.seconds(5)

    private let client: RedisClient
    private let logger: Logger
    private let health = Health()

    /// Errors: ``RedisError`` when the system has no descriptors left.
    package init(_ endpoint: RedisEndpoint, logger: Logger) throws {
        try self.init(endpoint.settings, logger: logger)
    }

    init(_ settings: RedisSettings, logger: Logger) throws {
        var settings = settings
        // A log is shown a moment late rather than not at all, but not seconds late.
        settings.connectTimeout = .seconds(1)
        settings.commandTimeout = .milliseconds(500)
        client = try RedisClient(settings, logger: logger)
        self.logger = logger
    }

    /// What a list holds from `start` on, and how long it is in all; nil when Redis can't say.
    func entries(of uuid: String, from start: Int, limit: Int) async -> (entries: [BuildLogEntry], length: Int)? {
        await asking { client in
            var entries: [BuildLogEntry] = []
            var (size, length) = (0, 0)
            while entries.count < limit, size < BuildLogEntryStore.pageBytes {
                let first = start + entries.count
                let wanted = min(Self.entriesAtOnce, limit - entries.count)
                let replies = try await client.pipeline([
                    ["LRANGE", Self.list(uuid), first, first + wanted - 1], ["LLEN", Self.list(uuid)],
                ])
                guard let lines = replies.first?.array, let count = replies.last?.integer else {
                    throw RedisError.malformedReply("a build's log is no list: \(replies)")
                }
                length = count
                for line in lines {
                    guard case .bytes(let bytes) = line else { throw RedisError.malformedReply("an entry is no text") }
                    entries.append(try BuildLogEntryJSON.read(bytes))
                    size += bytes.count
                }
                if lines.count < wanted { break }
            }
            return (entries, length)
        }
    }

    /// Adds entries to a list that is exactly so long; answers how long it is now, or as it was when it was not.
    func append(_ entries: [BuildLogEntry], at length: Int, to uuid: String) async -> Int? {
        await asking { client in
            let lines = entries.map { BuildLogEntryJSON.bytes($0) as any RedisArgument }
            let reply = try await client.command(
                ["EVAL", Self.appendScript, 1, Self.list(uuid), length, Self.lifetime] + lines)
            guard let length = reply.integer else { throw RedisError.malformedReply("a length is no number") }
            return length
        }
    }

    /// What is shown of a running build.
    struct Status: Encodable, Sendable, Hashable {
        /// When the builder was heard last, in seconds since 1970.
        var heartbeat: Int64?
        var current_command: Int?
        var total_commands: Int?
    }

    func set(_ statuses: [String: Status]) async {
        guard !statuses.isEmpty else { return }
        _ = await asking { client in
            try await client.pipeline(
                statuses.map { uuid, status in
                    ["SET", Self.status(uuid), [UInt8](try JSONEncoder.sorted.encode(status)), "EX", Self.lifetime]
                }
            ).count
        }
    }

    /// Removes a list that is none of ours, or whose log has been archived.
    func removeList(of uuid: String) async {
        _ = await asking { try await $0.command(["DEL", Self.list(uuid)]).integer }
    }

    /// The log is to be read elsewhere.
    func archived(_ uuid: String) async {
        _ = await asking { client in
            try await client.pipeline([
                ["DEL", Self.list(uuid)], ["EXPIRE", Self.status(uuid), Self.archivedLifetime],
            ]).count
        }
    }

    private static func list(_ uuid: String) -> String { "builds/\(uuid)/logs" }
    private static func status(_ uuid: String) -> String { "builds/\(uuid)/status" }

    private static let appendScript = """
        local length = redis.call('LLEN', KEYS[1])
        if length == tonumber(ARGV[1]) then
            for place = 3, #ARGV do length = redis.call('RPUSH', KEYS[1], ARGV[place]) end
        end
        if length > 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
        return length
        """

    /// Asks Redis unless it was away a moment ago; nil when it does not answer. Said once for each time that it goes away.
    private func asking<Answer: Sendable>(
        _ ask: @Sendable (RedisClient) async throws -> Answer?
    ) async -> Answer? {
        guard health.mayAsk else { return nil }
        do {
            let answer = try await ask(client)
            if health.answered() { logger.notice("The Redis of build logs answers again.") }
            return answer
        } catch is CancellationError {
            return nil
        } catch {
            if health.failed(until: .now + Self.pause) {
                logger.warning("Build logs are read from the database, since their Redis does not serve: \(error)")
            }
            return nil
        }
    }

    /// Whether Redis serves, as far as is known.
    private final class Health: Sendable {
        private let awayUntil = Mutex<ContinuousClock.Instant?>(nil)

        var mayAsk: Bool { awayUntil.withLock { $0.map { $0 <= .now } ?? true } }

        /// True when it was away before.
        func answered() -> Bool {
            awayUntil.withLock { until in
                defer { until = nil }
                return until != nil
            }
        }

        /// True when it was not away before.
        func failed(until moment: ContinuousClock.Instant) -> Bool {
            awayUntil.withLock { until in
                defer { until = moment }
                return until == nil
            }
        }
    }
}
