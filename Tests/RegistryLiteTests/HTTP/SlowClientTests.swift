import NIOCore
import OCI
import Runtime
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Slow clients") struct SlowClientTests {
    typealias Connection = ServerPlumbingTests.Connection

    private func limits(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var limits = ConnectionLimits()
        change(&limits)
        return limits
    }

    private func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<600 {
            if try await condition() { return true }
            try await WallClock.system.sleep(for: .milliseconds(50))
        }
        return false
    }

    @Test("SEC-Resource exhaustion: half a head gets 408, no head nothing, and both connections end")
    func slowHead() async throws {
        let registry = try await LiveRegistry.start(limits: limits { $0.header = .milliseconds(300) })
        let (half, none) = (try Connection(registry.host), try Connection(registry.host))
        await half.send("GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow:")
        #expect(await half.wait(for: "HTTP/1.1 408 Request Timeout"))
        #expect(half.received.lowercased().contains("connection: close"))
        #expect(await half.end() == "closed")
        #expect(await none.end() == "closed")
        #expect(none.received.isEmpty)
    }

    @Test("SEC-Resource exhaustion: a head that drips byte by byte is cut") func drippingHead() async throws {
        let registry = try await LiveRegistry.start(limits: limits { $0.header = .milliseconds(300) })
        let connection = try Connection(registry.host)
        let head = Array("GET /v2/ HTTP/1.1\r\nX-Slow: \(String(repeating: "a", count: 2000))\r\n\r\n".utf8)
        #expect(await connection.drip(head, pause: 20_000) < head.count)
    }

    @Test("SEC-Resource exhaustion: a body that drips is cut, and its upload stays as it was")
    func drippingBody() async throws {
        let registry = try await LiveRegistry.start(
            limits: limits {
                $0.body = .milliseconds(300)
                $0.bodyRate = 10_000
            })
        let token = try await registry.pushToken()
        let upload = try await registry.begin(token: token)
        let connection = try Connection(registry.host)
        await connection.send(
            "PATCH \(upload) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\nContent-Length: 5000\r\n\r\n")
        #expect(await connection.drip(pattern(5000), pause: 20_000) < 5000)
        #expect(try await eventually { try await registry.send(.get, upload, token: token).status == 204 })
    }

    @Test("a body that comes fast enough is not cut") func fastBody() async throws {
        let registry = try await LiveRegistry.start(
            limits: limits {
                $0.body = .milliseconds(100)
                $0.bodyRate = 1000
            })
        try await registry.upload(pattern(5_000_000), token: try await registry.pushToken())
    }

    @Test("a connection that rests too long ends") func idle() async throws {
        let registry = try await LiveRegistry.start(limits: limits { $0.idle = .milliseconds(300) })
        let connection = try Connection(registry.host)
        await connection.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(await connection.wait(for: "HTTP/1.1 401"))
        #expect(await connection.end() == "closed")
    }

    @Test("SEC-Resource exhaustion: a client that takes nothing of its answer is cut, a slow one gets it whole")
    func readers() async throws {
        let registry = try await LiveRegistry.start(limits: limits { $0.idle = .milliseconds(400) })
        let token = try await registry.pushToken()
        let bytes = pattern(16_000_000)
        let digest = try await registry.upload(bytes, token: token)
        let request =
            "GET /v2/owner/app/blobs/\(digest) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n\r\n"
        let (dead, slow) = (try Connection(registry.host), try Connection(registry.host))
        await dead.send(request)
        await slow.send(request)
        // Some five times the idle time.
        #expect(await slow.read(bytes.count, pieceBytes: 262_144, pause: 10_000) >= bytes.count)
        #expect(try await eventually { registry.traffic.count(of: .stalledReader) == 1 })
        #expect(await dead.read(bytes.count, pieceBytes: 262_144, pause: 0) < bytes.count)
    }

    @Test("connections beyond the cap wait until one ends") func cap() {
        var cap = ConnectionCap(2)
        cap.connectionOpened()
        #expect(cap.isAcceptingNewConnections())
        cap.connectionOpened()
        #expect(!cap.isAcceptingNewConnections())
        cap.connectionClosed()
        #expect(cap.isAcceptingNewConnections())
    }
}
