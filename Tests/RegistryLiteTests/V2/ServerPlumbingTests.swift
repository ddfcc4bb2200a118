import Dispatch
import Foundation
import Glibc
import OCI
import Synchronization
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// What only a raw connection shows.
@Suite("Connections") struct ServerPlumbingTests {
    /// A TCP connection whose blocking calls run on a thread of their own: the server needs Swift's.
    final class Connection: Sendable {
        private let descriptor: Int32
        private let text = Mutex("")
        private let queue = DispatchQueue(label: "raw connection")

        var received: String { text.withLock { $0 } }

        init(_ host: String) throws {
            // Not for other tests' child processes: they would keep it open.
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            // Small, so that a client which does not read is noticed after little.
            var space = Int32(65_536)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &space, socklen_t(MemoryLayout<Int32>.size))
            var limit = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(host.split(separator: ":").last.flatMap { UInt16($0) } ?? 0).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw SystemCallFailed("connect") }
        }

        deinit { close(descriptor) }

        func send(_ text: String) async { await send(Array(text.utf8)) }

        func send(_ bytes: [UInt8]) async {
            await blocking { connection in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = rest.withUnsafeBytes {
                        Glibc.send(connection.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    guard count > 0 else { return }
                    rest = rest.dropFirst(count)
                }
            }
        }

        /// Reads until `wanted` has come; answers false at the end of the connection or after the time limit.
        func wait(for wanted: String) async -> Bool {
            await blocking { connection in
                var buffer = [UInt8](repeating: 0, count: 65_536)
                while !connection.received.contains(wanted) {
                    let count = recv(connection.descriptor, &buffer, buffer.count, 0)
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { return false }
                    connection.text.withLock { $0 += String(decoding: buffer[..<count], as: UTF8.self) }
                }
                return true
            }
        }

        /// Reads up to `bytes`, with a pause of microseconds behind every piece; answers how many came before the end.
        func read(_ bytes: Int, pieceBytes: Int, pause: UInt32) async -> Int {
            await blocking { connection in
                var buffer = [UInt8](repeating: 0, count: pieceBytes)
                var total = 0
                while total < bytes {
                    let count = recv(connection.descriptor, &buffer, buffer.count, 0)
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { break }
                    total += count
                    usleep(pause)
                }
                return total
            }
        }

        /// Sends `bytes` one by one until they are out or nobody takes them; answers how many went.
        func drip(_ bytes: [UInt8], pause: UInt32) async -> Int {
            await blocking { connection in
                for (number, byte) in bytes.enumerated() {
                    guard
                        withUnsafePointer(to: byte, { Glibc.send(connection.descriptor, $0, 1, Int32(MSG_NOSIGNAL)) })
                            == 1
                    else { return number }
                    usleep(pause)
                }
                return bytes.count
            }
        }

        /// How the other side ends, after whatever it still sends: `closed`, or why not.
        func end() async -> String {
            await blocking { connection in
                var buffer = [UInt8](repeating: 0, count: 65_536)
                while true {
                    let count = recv(connection.descriptor, &buffer, buffer.count, 0)
                    if count < 0, errno == EINTR { continue }
                    if count == 0 || (count < 0 && errno == ECONNRESET) { return "closed" }
                    if count < 0 { return String(cString: strerror(errno)) }
                }
            }
        }

        private func blocking<Value: Sendable>(_ body: @escaping @Sendable (Connection) -> Value) async -> Value {
            await withCheckedContinuation { continuation in
                queue.async { continuation.resume(returning: body(self)) }
            }
        }
    }

    @Test("a client that waits for 100 Continue gets it, and then its answer") func continues() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let bytes = pattern(100_000)
        let connection = try Connection(registry.host)
        await connection.send(
            """
            POST /v2/owner/app/blobs/uploads/?digest=\(Digest(of: bytes)) HTTP/1.1\r
            Host: x\r\nAuthorization: Bearer \(token)\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n
            """)
        #expect(await connection.wait(for: "HTTP/1.1 100 Continue\r\n\r\n"))
        await connection.send(bytes)
        #expect(await connection.wait(for: "HTTP/1.1 201 Created"))
    }

    @Test("a refused client is not told to send its body, and the connection ends") func refuses() async throws {
        let registry = try await LiveRegistry.start()
        let connection = try Connection(registry.host)
        await connection.send(
            "POST /v2/owner/app/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
        )
        #expect(await connection.wait(for: "HTTP/1.1 401 Unauthorized"))
        #expect(!connection.received.contains("100 Continue"))
        #expect(await connection.end() == "closed")
    }

    @Test(
        "SEC-Resource exhaustion: headers and paths beyond the caps are refused, however they come",
        arguments: [
            ("X-Long: \(String(repeating: "a", count: 100_000))", "", 431),
            ("X-Many: \(String(repeating: "b\r\nX-Y: c", count: 500))", "", 431),
            ("X: y", String(repeating: "p", count: 9000), 414), ("X: y", String(repeating: "p", count: 200_000), 414),
            ("no header at all", "", 400),
        ])
    func headers(header: String, path: String, status: Int) async throws {
        let registry = try await LiveRegistry.start()
        let connection = try Connection(registry.host)
        await connection.send("GET /v2/\(path) HTTP/1.1\r\nHost: x\r\n\(header)\r\n\r\n")
        #expect(await connection.wait(for: "HTTP/1.1 \(status)"), "\(connection.received.prefix(300))")
    }

    @Test("a client that breaks off in the middle finds what it sent") func breaksOff() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let upload = try await registry.begin(token: token)
        do {
            let connection = try Connection(registry.host)
            await connection.send(
                "PATCH \(upload) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\nContent-Length: 1000000\r\n\r\n"
            )
            await connection.send(pattern(500_000))
        }
        // The server notices a moment later: asked until it has.
        var range = "0-0"
        while range == "0-0" {
            range = try await registry.send(.get, upload, token: token).headers["Range"] ?? "gone"
        }
        let stored = try #require(range.split(separator: "-").last.flatMap { Int($0) }) + 1
        let bytes = pattern(1_000_000)
        let put = try await registry.send(
            .put, "\(upload)?digest=\(Digest(of: bytes))", token: token, body: Array(bytes[stored...]))
        #expect(put.status == 201)
    }
}
