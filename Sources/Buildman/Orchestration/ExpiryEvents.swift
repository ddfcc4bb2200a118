import Domain
import Redis

/// What a Redis server tells by itself: keys of jobs that expire.
struct ExpiryEvents: Sendable {
    enum Event: Sendable, Hashable {
        /// Events may have been missed, or come from now on.
        case gap
        /// This manager's probe expired: events arrive.
        case probe
        case expired(JobKey)
    }

    private let subscription: Subscription
    private let keys: RedisJobKeys
    private let probeChannel: String

    /// Subscribes; stays so through any number of lost connections. Throws only when the system has no descriptors left.
    init(_ client: RedisClient, keys: RedisJobKeys, instance: String) throws {
        self.keys = keys
        probeChannel = "__keyspace@\(keys.database)__:\(keys.probe(instance))"
        subscription = try client.subscribe(patterns: [keys.expiringPattern, keys.probePattern(instance)])
    }

    /// Hands over each event, one after the other, until the task is cancelled.
    func forEach(_ body: (Event) async -> Void) async {
        for await event in subscription {
            switch event {
            case .listening, .gap: await body(.gap)
            case .message(let channel, let payload):
                guard payload == Array("expired".utf8) else { continue }
                if channel == probeChannel { await body(.probe) }
                if let key = keys.job(ofChannel: channel) { await body(.expired(key)) }
            }
        }
    }
}
