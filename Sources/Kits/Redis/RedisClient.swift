import Foundation
package import Logging
import Synchronization

/// A client of one Redis server: one connection, shared by all callers, on a thread of its own.
///
/// Commands of concurrent callers are pipelined. The connection is made with the first command and again after a loss;
/// a command that was under way then fails (``RedisError/disconnected(_:)``) and is not repeated, since nobody knows
/// whether it was carried out. While the server is away every command fails within moments; none waits for ever.
package final class RedisClient: Sendable {
    private let settings: RedisSettings
    private let logger: Logger
    private let inbox: Inbox

    /// Makes a client; nothing is connected yet. Throws only when the system has no descriptors left.
    package init(_ settings: RedisSettings, logger: Logger = Logger(label: "redis")) throws(RedisError) {
        self.settings = settings
        self.logger = logger
        let inbox = Inbox(waker: try Waker())
        self.inbox = inbox
        LoopThread.start(named: "redis-commands") { CommandThread(settings, inbox, logger).run() }
    }

    deinit { inbox.stop() }

    /// Sends one command and answers its reply; an error reply is thrown as ``RedisError/refused(_:)``.
    ///
    /// Commands that change what the shared connection means (`MULTI`, `WATCH`, `SUBSCRIBE`, `SELECT`, …) are refused:
    /// use ``transaction(_:)``, `EVAL` or ``subscribe(channels:patterns:)``. Commands that block hold up everybody.
    @discardableResult
    package func command(_ words: [any RedisArgument]) async throws -> RedisReply {
        let replies = try await pipeline([words])
        if case .error(let reply) = replies[0] { throw RedisError.refused(reply) }
        return replies[0]
    }

    /// Sends commands without waiting in between. Others' commands never come between them, but they are no transaction:
    /// one may fail and the next succeed, so error replies stand in the answer, which has one element for each command.
    package func pipeline(_ commands: [[any RedisArgument]]) async throws -> [RedisReply] {
        for words in commands { try Self.check(words) }
        return try await perform(commands)
    }

    /// Sends commands within MULTI and EXEC: all are carried out, and nobody else's in between.
    ///
    /// One that the server does not understand makes all of them fail (``RedisError/refused(_:)``). One that fails while
    /// it is carried out leaves the others done: its error stands in the answer.
    package func transaction(_ commands: [[any RedisArgument]]) async throws -> [RedisReply] {
        for words in commands { try Self.check(words) }
        let replies = try await perform([["MULTI"]] + commands + [["EXEC"]])
        if let results = replies.last?.array { return results }
        for case .error(let reply) in replies { throw RedisError.refused(reply) }
        throw RedisError.malformedReply("EXEC answered neither an array nor an error")
    }

    /// Listens to channels, and to all channels that match a pattern, on a connection of its own.
    ///
    /// Lasts until the answer and its iterators are gone, through any number of lost connections.
    package func subscribe(channels: [String] = [], patterns: [String] = []) throws -> Subscription {
        guard !channels.isEmpty || !patterns.isEmpty else {
            throw RedisError.invalid("A subscription needs a channel.")
        }
        return try Subscription(settings, channels: channels, patterns: patterns, logger: logger)
    }

    private func perform(_ commands: [[any RedisArgument]]) async throws -> [RedisReply] {
        if commands.isEmpty { return [] }
        let call = try RedisCall(commands, deadline: .now + settings.commandTimeout)
        inbox.post(call)
        return try await call.replies()
    }

    private static let unsharable: Set<String> = [
        "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE",
        "PUNSUBSCRIBE",
        "SUNSUBSCRIBE", "MONITOR", "SELECT", "AUTH", "HELLO", "RESET", "QUIT", "SYNC", "PSYNC",
    ]

    private static func check(_ words: [any RedisArgument]) throws(RedisError) {
        guard let first = words.first else { throw .invalid("A Redis command has at least one word.") }
        let name = String(decoding: first.redisBytes, as: UTF8.self).uppercased()
        if unsharable.contains(name) { throw .invalid("\(name) would change the connection that others share.") }
    }
}
