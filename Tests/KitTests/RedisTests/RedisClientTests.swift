import Logging
import Runtime
import TestSupport
import Testing

@testable import Redis

@Suite("Redis client", .timeLimit(.minutes(2))) struct RedisClientTests {
    private let client: RedisClient
    private let key = "test:" + Identifiers.system.uuid()

    init() async throws { client = try RedisClient(try RedisSettings(url: try await RedisServer.sharedURL)) }

    @Test("each kind of reply has its own value")
    func replies() async throws {
        #expect(try await client.command(["PING"]) == .status("PONG"))
        #expect(try await client.command(["GET", key]) == .null)
        #expect(try await client.command(["SET", key, 41]).text == "OK")
        #expect(try await client.command(["INCR", key]).integer == 42)
        #expect(try await client.command(["GET", key]).text == "42")
        #expect(try await client.command(["DEL", key]).integer == 1)
        try await client.command(["HSET", key, "phase", "building", "attempt", 2])
        #expect(try await client.command(["HGETALL", key]).fields == ["phase": "building", "attempt": "2"])
        #expect(
            try await client.command(["HMGET", key, "phase", "none"])
                == .array([.bytes(Array("building".utf8)), .null]))
    }

    @Test(
        "any bytes go there and come back",
        arguments: [
            [], [0], Array("a\r\n$3\r\nb\r\n".utf8), Array("ü🐳 %s %b".utf8),
        ])
    func bytes(_ value: [UInt8]) async throws {
        try await client.command(["SET", key, value])
        #expect(try await client.command(["GET", key]) == .bytes(value))
        try await client.command(["DEL", key])
    }

    @Test("a value of many megabytes goes there and comes back")
    func large() async throws {
        let value = [UInt8](repeating: 255, count: 8_000_000)
        try await client.command(["SET", key, value])
        let reply = try await client.command(["GET", key])
        #expect((reply == .bytes(value)) == true)
        try await client.command(["DEL", key])
    }

    @Test("an error reply is thrown in the server's words, and the connection goes on")
    func errors() async throws {
        let error = await #expect(throws: RedisError.self) { try await client.command(["INCR"]) }
        #expect(error == .refused("ERR wrong number of arguments for 'incr' command"))
        #expect(try await client.command(["PING"]).text == "PONG")
    }

    @Test("callers at the same time get their own replies")
    func pipelining() async throws {
        let numbers = try await withThrowingTaskGroup(of: (Int, RedisReply, Int?).self) { [client, key] group in
            for number in 1...500 {
                group.addTask {
                    let echo = try await client.command(["ECHO", number])
                    return (number, echo, try await client.command(["INCR", key]).integer)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(numbers.allSatisfy { $0.1.text == "\($0.0)" })
        #expect(numbers.compactMap(\.2).sorted() == Array(1...500))
    }

    @Test("a pipeline answers for each command, errors included")
    func pipeline() async throws {
        let replies = try await client.pipeline([["SET", key, "x"], ["INCR", key], ["GET", key]])
        #expect(replies.count == 3)
        #expect(replies[1] == .error("ERR value is not an integer or out of range"))
        #expect(replies[2].text == "x")
        #expect(try await client.pipeline([]).isEmpty)
    }

    @Test("a transaction is carried out as one, between those of others")
    func transactions() async throws {
        let results = try await withThrowingTaskGroup(of: [Int?].self) { [client, key] group in
            for _ in 1...50 {
                group.addTask { try await client.transaction([["INCR", key], ["INCR", key]]).map(\.integer) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.allSatisfy { $0.count == 2 && $0[0].map { $0 + 1 } == $0[1] })
        #expect(try await client.command(["GET", key]).text == "100")
    }

    @Test("a transaction with a command that nobody knows changes nothing")
    func brokenTransaction() async throws {
        await #expect(throws: RedisError.self) { try await client.transaction([["SET", key, 1], ["NONSENSE"]]) }
        #expect(try await client.command(["GET", key]).isNull)
    }

    @Test("a script runs on the server")
    func scripts() async throws {
        let script = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"
        try await client.command(["SET", key, "mine"])
        #expect(try await client.command(["EVAL", script, 1, key, "theirs"]).integer == 0)
        #expect(try await client.command(["EVAL", script, 1, key, "mine"]).integer == 1)
    }

    @Test(
        "refuses what would change the connection that all share, and what is no command",
        arguments: [["MULTI"], ["subscribe", "x"], ["Select", "1"], ["MONITOR"], []])
    func unsharable(_ words: [String]) async throws {
        let error = await #expect(throws: RedisError.self) { try await client.command(words) }
        guard case .invalid = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a client that goes away fails what it still had to do")
    func goesAway() async throws {
        let inbox = Inbox(waker: try Waker())
        let call = try RedisCall([["PING"]], deadline: .now + .seconds(60))
        inbox.post(call)
        inbox.stop()
        CommandThread(RedisSettings(), inbox, Logger(label: "test")).run()
        await #expect(throws: RedisError.closed) { try await call.replies() }
        let late = try RedisCall([["PING"]], deadline: .now + .seconds(60))
        inbox.post(late)
        await #expect(throws: RedisError.closed) { try await late.replies() }
    }
}

@Suite("Redis settings") struct RedisSettingsTests {
    @Test("reads an address with everything in it")
    func reads() throws {
        let settings = try RedisSettings(url: "rediss://app:p%40ss@redis.example:6380/3")
        #expect(settings.host == "redis.example")
        #expect(settings.port == 6380)
        #expect(settings.user == "app")
        #expect(settings.password == "p@ss")
        #expect(settings.database == 3)
        #expect(settings.tls != nil)
        let short = try RedisSettings(url: "redis://:secret@[::1]")
        #expect(short.host == "::1")
        #expect(short.port == 6379)
        #expect(short.user == nil)
        #expect(short.password == "secret")
        #expect(short.tls == nil)
    }

    @Test(
        "refuses other addresses", arguments: ["", "redis", "http://x/", "redis://", "redis://x/one", "redis://x/-1"])
    func refuses(_ url: String) {
        #expect(throws: RedisError.self) { try RedisSettings(url: url) }
    }
}

@Suite("Back-off") struct BackoffTests {
    @Test("grows to two seconds at most, and starts again after a success")
    func grows() {
        var backoff = Backoff(randomness: Randomness { [UInt8](repeating: 0, count: $0) })
        let pauses = (1...100).map { _ in backoff.failed() }
        #expect(pauses.prefix(4) == [.milliseconds(50), .milliseconds(100), .milliseconds(200), .milliseconds(400)])
        #expect(pauses.last == .seconds(2))
        backoff.succeeded()
        #expect(backoff.failed() == .milliseconds(50))
    }

    @Test("chance takes a quarter at most")
    func chance() {
        for _ in 1...100 {
            var backoff = Backoff()
            #expect((.microseconds(37_500)...(.milliseconds(50))).contains(backoff.failed()))
        }
    }
}
