import Logging

/// What the thread of a ``Subscription`` does: stay connected, stay subscribed, hand over what comes.
final class SubscriptionThread {
    private let settings: RedisSettings
    private let commands: [[UInt8]]
    /// How many confirmations make the subscription complete.
    private let names: Int
    private let inbox: Inbox
    private var sink: EventSink
    private let logger: Logger
    private var backoff = Backoff()
    private var hasListened = false
    private var hasComplained = false

    init(
        _ settings: RedisSettings, commands: [[UInt8]], names: Int, inbox: Inbox,
        sink: EventSink, logger: Logger
    ) {
        self.settings = settings
        self.commands = commands
        self.names = names
        self.inbox = inbox
        self.sink = sink
        self.logger = logger
    }

    func run() {
        while !inbox.isStopped {
            do throws(RedisError) {
                try listen()
            } catch {
                // Once for each loss, not once for each attempt.
                if !hasComplained { logger.warning("The subscription is interrupted. \(error)") }
                hasComplained = true
                inbox.waker.wait(until: .now + backoff.failed())
            }
        }
        sink.finish()
    }

    /// Returns when the subscription is no longer wanted.
    private func listen() throws(RedisError) {
        let connection = try RedisConnection(settings, waker: inbox.waker)
        for command in commands { connection.enqueue(command) }
        var confirmed = 0
        var lastHeard = ContinuousClock.now
        var hasAsked = false
        while !inbox.isStopped {
            try connection.exchange(until: lastHeard + settings.pingInterval * (hasAsked ? 2 : 1))
            let before = lastHeard
            while let reply = try connection.nextReply() {
                lastHeard = .now
                confirmed += try take(reply)
                if confirmed == names {
                    confirmed = .min
                    begin()
                }
            }
            if lastHeard != before { hasAsked = false }
            sink.settle()
            let silence = ContinuousClock.now - lastHeard
            if silence >= settings.pingInterval * 2 { throw .disconnected("the server fell silent") }
            if silence >= settings.pingInterval, !hasAsked {
                hasAsked = true
                connection.enqueue(try EncodedCommand(["PING"]).bytes)
            }
        }
    }

    private func begin() {
        backoff.succeeded()
        hasComplained = false
        sink.yield(hasListened ? .gap : .listening)
        hasListened = true
    }

    /// Answers 1 for a confirmation, 0 for everything else.
    private func take(_ reply: RedisReply) throws(RedisError) -> Int {
        if case .error(let words) = reply { throw .refused(words) }
        // PING is answered with a plain status until the subscription has taken effect.
        guard let parts = reply.array else { return 0 }
        switch (parts.first?.text, parts.count) {
        case ("subscribe", 3), ("psubscribe", 3): return 1
        case ("message", 3): deliver(channel: parts[1], payload: parts[2])
        case ("pmessage", 4): deliver(channel: parts[2], payload: parts[3])
        default: break
        }
        return 0
    }

    private func deliver(channel: RedisReply, payload: RedisReply) {
        guard let channel = channel.text, case .bytes(let bytes) = payload else { return }
        sink.yield(.message(channel: channel, payload: bytes))
    }
}

/// The reader's end of a subscription. Events that find no room are replaced by one ``Subscription/Event/gap``.
struct EventSink {
    private let continuation: AsyncStream<Subscription.Event>.Continuation
    private var hasDropped = false

    init(_ continuation: AsyncStream<Subscription.Event>.Continuation) { self.continuation = continuation }

    /// Tells of dropped events as soon as there is room again; called from time to time, since silence may follow.
    mutating func settle() {
        guard hasDropped else { return }
        if case .dropped = continuation.yield(.gap) { return }
        hasDropped = false
    }

    mutating func yield(_ event: Subscription.Event) {
        settle()
        if hasDropped { return }
        if case .dropped = continuation.yield(event) { hasDropped = true }
    }

    func finish() { continuation.finish() }
}
