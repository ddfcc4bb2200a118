import TestSupport
import Testing

@testable import Redis

@Suite("Redis in trouble", .timeLimit(.minutes(2))) struct RedisFailureTests {
    @Test("calls fail clearly while the server is gone, and work again when it is back")
    func restart() async throws {
        let server = try await RedisServer()
        let client = try RedisClient(try RedisSettings(url: server.url))
        try await client.command(["SET", "a", 1])
        server.freeze()
        let underWay = Task { try await client.command(["GET", "a"]) }
        let alsoUnderWay = Task { try await client.command(["GET", "a"]) }
        try await server.kill()
        for call in [underWay, alsoUnderWay] {
            let error = await #expect(throws: RedisError.self) { try await call.value }
            #expect(Self.isConnectionError(error))
        }
        for _ in 1...3 {
            await #expect(throws: RedisError.unreachable("Connection refused")) { try await client.command(["PING"]) }
        }
        try await server.restart()
        #expect(try await client.command(["PING"]).text == "PONG")
        #expect(try await client.command(["GET", "a"]).isNull)
    }

    @Test("an idle connection that the server closed is not noticed by the next call")
    func idleLoss() async throws {
        let server = try await RedisServer()
        let client = try RedisClient(try RedisSettings(url: server.url))
        let other = try RedisClient(try RedisSettings(url: server.url))
        let identifier = try #require(try await client.command(["CLIENT", "ID"]).integer)
        try await other.command(["CLIENT", "KILL", "ID", identifier])
        // The loss may reach us together with the call; after that it works for good.
        if try await Self.succeeds({ try await client.command(["PING"]) }) == false {
            #expect(try await client.command(["PING"]).text == "PONG")
        }
    }

    @Test("a server that hangs is a time-out, and not a wrong answer afterwards")
    func timeout() async throws {
        let server = try await RedisServer()
        var settings = try RedisSettings(url: server.url)
        settings.commandTimeout = .milliseconds(300)
        settings.connectTimeout = .milliseconds(300)
        let client = try RedisClient(settings)
        #expect(try await client.command(["ECHO", "one"]).text == "one")
        server.freeze()
        await #expect(throws: RedisError.timedOut) { try await client.command(["ECHO", "two"]) }
        server.thaw()
        #expect(try await client.command(["ECHO", "three"]).text == "three")
    }

    @Test("cancelling one call leaves the others their own answers")
    func cancellation() async throws {
        let server = try await RedisServer()
        let client = try RedisClient(try RedisSettings(url: server.url))
        #expect(try await client.command(["ECHO", "one"]).text == "one")
        server.freeze()
        let cancelled = Task { try await client.command(["ECHO", "two"]) }
        let waiting = Task { try await client.command(["ECHO", "three"]) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        server.thaw()
        #expect(try await waiting.value.text == "three")
    }

    @Test("a wrong password is told from a missing one")
    func passwords() async throws {
        let server = try await RedisServer([
            "--requirepass", "secret", "--user", "app", "on", ">app-secret", "~app:*", "+@all",
        ])
        var settings = try RedisSettings(url: server.url)
        let anonymous = await #expect(throws: RedisError.self) { try await RedisClient(settings).command(["PING"]) }
        #expect(anonymous == .refused("NOAUTH Authentication required."))
        settings.password = "wrong"
        let wrong = await #expect(throws: RedisError.self) { try await RedisClient(settings).command(["PING"]) }
        guard case .notAuthenticated(let reason) = wrong else {
            Issue.record("\(String(describing: wrong))")
            return
        }
        #expect(reason.hasPrefix("WRONGPASS"))
        settings.password = "secret"
        #expect(try await RedisClient(settings).command(["PING"]).text == "PONG")
        settings.user = "app"
        settings.password = "app-secret"
        let user = try RedisClient(settings)
        #expect(try await user.command(["ACL", "WHOAMI"]).text == "app")
        await #expect(throws: RedisError.self) { try await user.command(["GET", "other:x"]) }
    }

    @Test("the settings choose the database, after a reconnection too")
    func databases() async throws {
        let server = try await RedisServer()
        let first = try RedisClient(try RedisSettings(url: server.url))
        let second = try RedisClient(try RedisSettings(url: server.url + "/2"))
        try await first.command(["SET", "a", 1])
        #expect(try await second.command(["GET", "a"]).isNull)
        try await server.restart()
        _ = try await Self.succeeds { try await second.command(["PING"]) }
        try await second.command(["SET", "b", 1])
        _ = try await Self.succeeds { try await first.command(["PING"]) }
        #expect(try await first.command(["GET", "b"]).isNull)
    }

    @Test("nobody there, no such host, and something that is not Redis are told apart")
    func unreachable() async throws {
        let closed = try RedisClient(RedisSettings(port: try FreePort.find()))
        await #expect(throws: RedisError.unreachable("Connection refused")) { try await closed.command(["PING"]) }
        let nowhere = try RedisClient(RedisSettings(host: "no-such-host.invalid"))
        let error = await #expect(throws: RedisError.self) { try await nowhere.command(["PING"]) }
        #expect(error?.description.contains("no-such-host.invalid has no address") == true)
        let web = try ChildProcess(
            "python3",
            [
                "-u", "-c",
                """
                import socket
                server = socket.create_server(("127.0.0.1", 0))
                print("listening on", server.getsockname()[1])
                while True:
                    client = server.accept()[0]
                    client.recv(100)
                    client.sendall(b"HTTP/1.1 400 Bad Request\\r\\n\\r\\n")
                """,
            ])
        let line = try await web.line(containing: "listening on")
        let stranger = try RedisClient(
            RedisSettings(port: try #require(line.split(separator: " ").last.flatMap { Int($0) })))
        let malformed = await #expect(throws: RedisError.self) { try await stranger.command(["PING"]) }
        guard case .malformedReply = malformed else {
            Issue.record("\(String(describing: malformed))")
            return
        }
    }

    private static func succeeds(_ body: () async throws -> some Any) async throws -> Bool {
        do {
            _ = try await body()
            return true
        } catch let error as RedisError {
            guard isConnectionError(error) else { throw error }
            return false
        }
    }

    private static func isConnectionError(_ error: RedisError?) -> Bool {
        switch error {
        case .disconnected, .unreachable: true
        default: false
        }
    }
}
