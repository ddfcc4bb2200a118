import Runtime
import TestSupport
import Testing

@testable import Redis

@Suite("Redis subscriptions", .timeLimit(.minutes(2))) struct SubscriptionTests {
    private let name = "test:" + Identifiers.system.uuid()

    @Test("hears its channels and patterns, and nothing else")
    func messages() async throws {
        let client = try RedisClient(try RedisSettings(url: try await RedisServer.sharedURL))
        var events = try client.subscribe(channels: [name], patterns: [name + ":*"]).makeAsyncIterator()
        #expect(await events.next() == .listening)
        try await client.command(["PUBLISH", name + "-other", "no"])
        try await client.command(["PUBLISH", name, "one"])
        try await client.command(["PUBLISH", name + ":x", [UInt8]([0, 13, 10])])
        #expect(await events.next() == .message(channel: name, payload: Array("one".utf8)))
        #expect(await events.next() == .message(channel: name + ":x", payload: [0, 13, 10]))
    }

    @Test("hears keys expire")
    func expiry() async throws {
        let server = try await RedisServer(["--notify-keyspace-events", "Kx"])
        let client = try RedisClient(try RedisSettings(url: server.url))
        var events = try client.subscribe(patterns: ["__keyspace@0__:jobs/*"]).makeAsyncIterator()
        #expect(await events.next() == .listening)
        try await client.command(["SET", "jobs/1", "x", "PX", 20])
        #expect(await events.next() == .message(channel: "__keyspace@0__:jobs/1", payload: Array("expired".utf8)))
    }

    @Test("survives the server's death, and says that there was a gap")
    func restart() async throws {
        let server = try await RedisServer()
        let client = try RedisClient(try RedisSettings(url: server.url))
        var events = try client.subscribe(channels: [name]).makeAsyncIterator()
        #expect(await events.next() == .listening)
        for round in 1...3 {
            try await server.restart()
            #expect(await events.next() == .gap)
            #expect(
                try await RedisClient(try RedisSettings(url: server.url)).command(["PUBLISH", name, round]).integer == 1
            )
            #expect(await events.next() == .message(channel: name, payload: Array("\(round)".utf8)))
        }
    }

    @Test("starts before its server does")
    func early() async throws {
        let server = try await RedisServer()
        try await server.kill()
        let client = try RedisClient(try RedisSettings(url: server.url))
        var events = try client.subscribe(channels: [name]).makeAsyncIterator()
        await #expect(throws: RedisError.self) { try await client.command(["PING"]) }
        try await server.restart()
        #expect(await events.next() == .listening)
    }

    @Test("notices a server that has fallen silent")
    func silence() async throws {
        let server = try await RedisServer()
        var settings = try RedisSettings(url: server.url)
        settings.pingInterval = .milliseconds(100)
        settings.connectTimeout = .milliseconds(200)
        let client = try RedisClient(settings)
        var events = try client.subscribe(channels: [name]).makeAsyncIterator()
        #expect(await events.next() == .listening)
        server.freeze()
        // A client that waits longer than the subscription's patience measures the silence.
        settings.commandTimeout = .milliseconds(600)
        let other = try RedisClient(settings)
        await #expect(throws: RedisError.self) { try await other.command(["PING"]) }
        await #expect(throws: RedisError.self) { try await other.command(["PING"]) }
        server.thaw()
        #expect(await events.next() == .gap)
    }

    @Test("a quiet channel is no silence")
    func quiet() async throws {
        let server = try await RedisServer()
        var settings = try RedisSettings(url: server.url)
        settings.pingInterval = .milliseconds(200)
        let client = try RedisClient(settings)
        var events = try client.subscribe(channels: [name]).makeAsyncIterator()
        #expect(await events.next() == .listening)
        // The server's own clock: a script can't sleep, but a blocked list can.
        let blocked = try RedisClient(try RedisSettings(url: server.url))
        #expect(try await blocked.command(["BLPOP", name + ":never", 1]).isNull)
        try await client.command(["PUBLISH", name, "still here"])
        #expect(await events.next() == .message(channel: name, payload: Array("still here".utf8)))
    }

    @Test("a reader that falls too far behind hears of the gap")
    func overflow() async {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Subscription.Event.self, bufferingPolicy: .bufferingOldest(2))
        var sink = EventSink(continuation)
        let messages = (0...5 as ClosedRange<UInt8>).map { Subscription.Event.message(channel: "x", payload: [$0]) }
        for message in messages[0...3] { sink.yield(message) }
        var events = stream.makeAsyncIterator()
        #expect(await events.next() == messages[0])
        #expect(await events.next() == messages[1])
        sink.yield(messages[4])
        #expect(await events.next() == .gap)
        #expect(await events.next() == messages[4])
        sink.yield(messages[5])
        #expect(await events.next() == messages[5])
        for message in messages[0...2] { sink.yield(message) }
        #expect(await events.next() == messages[0])
        sink.settle()
        #expect(await events.next() == messages[1])
        #expect(await events.next() == .gap)
        sink.finish()
        #expect(await events.next() == nil)
    }

    @Test("letting go of it ends its connection")
    func lettingGo() async throws {
        let client = try RedisClient(try RedisSettings(url: try await RedisServer.sharedURL))
        do {
            var events = try client.subscribe(channels: [name]).makeAsyncIterator()
            #expect(await events.next() == .listening)
            #expect(
                try await client.command(["PUBSUB", "NUMSUB", name]) == .array([.bytes(Array(name.utf8)), .integer(1)]))
        }
        // Asking takes the server's time; the suite's time limit ends it.
        while try await client.command(["PUBSUB", "NUMSUB", name]).array?.last?.integer != 0 {}
    }

    @Test("needs a channel")
    func empty() async throws {
        let client = try RedisClient(RedisSettings())
        #expect(throws: RedisError.self) { try client.subscribe() }
    }
}

@Suite("Redis over TLS", .timeLimit(.minutes(2))) struct RedisTLSTests {
    @Test("needs a trusted certificate for the server's name, and carries everything")
    func trust() async throws {
        let certificates = try await TestCertificates(serverNames: ["DNS:localhost"])
        let server = try await RedisServer(["--tls-auth-clients", "no"], certificates: certificates)
        var settings = RedisSettings(
            host: "localhost", port: server.port, tls: .init(authorityFile: certificates.authority))
        let client = try RedisClient(settings)
        let value = [UInt8](repeating: 7, count: 5_000_000)
        try await client.command(["SET", "big", value])
        #expect(try await client.command(["GET", "big"]) == .bytes(value))
        var events = try client.subscribe(channels: ["news"]).makeAsyncIterator()
        #expect(await events.next() == .listening)
        try await client.command(["PUBLISH", "news", "x"])
        #expect(await events.next() == .message(channel: "news", payload: [120]))

        settings.tls?.authorityFile = nil
        try await expectTLSError(settings)
        settings.tls?.authorityFile = certificates.authority
        settings.host = "127.0.0.1"
        try await expectTLSError(settings)
        settings.tls?.nameCheck = .name("localhost")
        #expect(try await RedisClient(settings).command(["PING"]).text == "PONG")
        settings.tls?.nameCheck = .none
        #expect(try await RedisClient(settings).command(["PING"]).text == "PONG")
        settings.tls?.nameCheck = .name("other.example")
        try await expectTLSError(settings)
        settings.tls = nil
        await #expect(throws: RedisError.self) { try await RedisClient(settings).command(["PING"]) }
    }

    @Test("an address can stand in the certificate")
    func address() async throws {
        let certificates = try await TestCertificates(serverNames: ["IP:127.0.0.1"])
        let server = try await RedisServer(["--tls-auth-clients", "no"], certificates: certificates)
        let settings = RedisSettings(port: server.port, tls: .init(authorityFile: certificates.authority))
        #expect(try await RedisClient(settings).command(["PING"]).text == "PONG")
    }

    @Test("proves itself with a certificate where the server asks for one")
    func clientCertificate() async throws {
        let certificates = try await TestCertificates()
        let server = try await RedisServer(certificates: certificates)
        var settings = RedisSettings(port: server.port, tls: .init(authorityFile: certificates.authority))
        await #expect(throws: RedisError.self) { try await RedisClient(settings).command(["PING"]) }
        settings.tls?.certificateFile = certificates.clientCertificate
        await #expect(throws: RedisError.self) { try await RedisClient(settings).command(["PING"]) }
        settings.tls?.keyFile = certificates.clientKey
        #expect(try await RedisClient(settings).command(["PING"]).text == "PONG")
    }

    private func expectTLSError(_ settings: RedisSettings) async throws {
        let error = await #expect(throws: RedisError.self) { try await RedisClient(settings).command(["PING"]) }
        guard case .tls = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
