import Logging

/// What the thread of a ``RedisClient`` does: connect when there is work, write calls, hand replies back in order.
final class CommandThread {
    private let settings: RedisSettings
    private let inbox: Inbox
    private let logger: Logger
    private var connection: RedisConnection?
    private var waiting: [RedisCall] = []
    /// Sent and not fully answered, oldest first.
    private var underWay: [RedisCall] = []
    private var backoff = Backoff()
    private var nextAttempt = ContinuousClock.now

    init(_ settings: RedisSettings, _ inbox: Inbox, _ logger: Logger) {
        self.settings = settings
        self.inbox = inbox
        self.logger = logger
    }

    func run() {
        while !inbox.isStopped {
            waiting += inbox.take()
            expire()
            do throws(RedisError) {
                try step()
            } catch {
                lose(error)
            }
        }
        for call in underWay + waiting + inbox.take() { call.fail(RedisError.closed) }
    }

    private func step() throws(RedisError) {
        guard let connection else {
            if waiting.isEmpty {
                inbox.waker.wait(until: nil)
            } else if ContinuousClock.now < nextAttempt {
                inbox.waker.wait(until: min(nextAttempt, waiting.map(\.deadline).min() ?? nextAttempt))
            } else {
                self.connection = try RedisConnection(settings, waker: inbox.waker)
                backoff.succeeded()
            }
            return
        }
        for call in waiting { connection.enqueue(call.bytes) }
        underWay += waiting
        waiting = []
        try connection.exchange(until: underWay.first?.deadline)
        while let reply = try connection.nextReply() {
            guard let call = underWay.first else { throw .malformedReply("a reply that nobody asked for") }
            if call.take(reply) { underWay.removeFirst() }
        }
    }

    /// Ends what has waited too long. A connection that stays silent is given up: its replies could not be told apart.
    private func expire() {
        let now = ContinuousClock.now
        waiting.removeAll { call in
            guard call.deadline <= now else { return false }
            call.fail(RedisError.timedOut)
            return true
        }
        guard let oldest = underWay.first, oldest.deadline <= now else { return }
        oldest.fail(RedisError.timedOut)
        lose(.disconnected("another command was not answered in time"))
    }

    private func lose(_ error: RedisError) {
        if connection == nil {
            // Nobody should wait for a server that isn't there.
            nextAttempt = .now + backoff.failed()
            waiting += inbox.take()
            for call in waiting { call.fail(error) }
            waiting = []
        }
        connection = nil
        if !underWay.isEmpty { logger.warning("\(error)", metadata: ["commands": "\(underWay.count)"]) }
        for call in underWay { call.fail(error) }
        underWay = []
    }
}
