import Domain
import Foundation
import Redis

/// The commands that write and read jobs. What must not be done by halves is a script of the server's.
struct RedisJobCommands: Sendable {
    /// How much longer than its moment a job is kept. Source: Quay 6.4.
    private static let keptMilliseconds = 86_400_000
    /// So long nobody else handles an expiry that a manager has claimed.
    static let claimLifetime: Duration = .seconds(30)

    let keys: RedisJobKeys
    /// This manager.
    let instance: String

    func write(_ change: JobLedger.Change, at now: Date) throws -> [any RedisArgument] {
        switch change {
        case .put(let record, let moment, let heardAt):
            let life = Self.milliseconds(until: moment, from: now)
            return script(
                Self.put, record.key,
                [try Self.json(record, heardAt), life, life + Self.keptMilliseconds, record.key.text])
        case .move(let key, let moment):
            let life = Self.milliseconds(until: moment, from: now)
            return script(Self.move, key, [life, life + Self.keptMilliseconds])
        case .remove(let key): return script(Self.remove, key, [key.text])
        }
    }

    /// Answers 1 when the job has expired and is this manager's to handle.
    func claim(_ key: JobKey) -> [any RedisArgument] {
        script(Self.claim, key, [instance, Int(Self.claimLifetime.inSeconds * 1000)])
    }

    private func script(
        _ text: String, _ key: JobKey, _ arguments: [any RedisArgument]
    ) -> [any RedisArgument] {
        ["EVAL", text, 4, keys.job(key), keys.expiring(key), keys.expired(key), keys.jobs] + arguments
    }

    private static let put = """
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
        redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
        redis.call('DEL', KEYS[3])
        redis.call('SADD', KEYS[4], ARGV[4])
        return 1
        """
    private static let move = """
        if redis.call('PEXPIRE', KEYS[1], ARGV[2]) == 0 then return 0 end
        redis.call('SET', KEYS[2], '', 'PX', ARGV[1])
        redis.call('DEL', KEYS[3])
        return 1
        """
    private static let remove = """
        redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
        redis.call('SREM', KEYS[4], ARGV[1])
        return 1
        """
    private static let claim = """
        if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
        if redis.call('SET', KEYS[3], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
        return 0
        """

    /// A duration, by Redis's own clock: the clocks of the two need not agree.
    private static func milliseconds(until moment: Date, from now: Date) -> Int {
        max(1, Int((moment.timeIntervalSince(now) * 1000).rounded(.up)))
    }

    /// What a job's key holds. Source: Quay 6.4.
    private struct Value: Encodable {
        struct Item: Encodable {
            let id: Int64
            let body: String
        }

        let job_queue_item: Item
        let max_expiration: Int64
        let last_heartbeat: String?
        let executor_name: String
        let execution_id: String
        let created_at: Int64
        /// Our own: which launch of the build this is.
        let attempt: Int
    }

    private static func json(_ record: JobRecord, _ heardAt: Date?) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let value = Value(
            job_queue_item: .init(id: record.queueItemID, body: #"{"build_uuid":"\#(record.key.buildUUID)"}"#),
            max_expiration: Int64(record.deadline.timeIntervalSince1970),
            last_heartbeat: heardAt?.ISO8601Format(
                .init(
                    dateTimeSeparator: .space, includingFractionalSeconds: true, timeZone: .gmt)
            ).replacing("Z", with: ""),
            executor_name: record.executor, execution_id: record.executionID,
            created_at: Int64(record.createdAt.timeIntervalSince1970), attempt: record.key.attempt)
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
