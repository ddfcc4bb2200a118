import Foundation
import Glibc
import Synchronization

/// A Redis server of a test's own, on a free port of the loopback, that can be killed and started again on that port.
///
/// It keeps nothing on disk and never outlives the test process.
package final class RedisServer: Sendable {
    package let port: Int
    private let arguments: [String]
    private let folder: TemporaryFolder
    private let process: Mutex<ChildProcess?>

    /// The address of the server that TEST_REDIS_URL names, else of one that serves the whole test process.
    ///
    /// Others use it at the same time: keys and channels must bear a name of the test's own.
    package static var sharedURL: String {
        get async throws {
            if let url = ProcessInfo.processInfo.environment["TEST_REDIS_URL"], !url.isEmpty { return url }
            return try await shared.value.url
        }
    }

    private static let shared = Task { try await RedisServer() }

    /// Starts a server; with certificates it speaks TLS only. `arguments` are redis-server's own, such as
    /// `--requirepass secret`.
    package init(_ arguments: [String] = [], certificates: TestCertificates? = nil) async throws {
        folder = try TemporaryFolder()
        // Another program may take the free port before the server does.
        for attempt in 1... {
            let port = try FreePort.find()
            let all = Self.arguments(port, folder.path, certificates) + arguments
            do {
                process = Mutex(try await Self.start(all))
                self.port = port
                self.arguments = all
                return
            } catch  where attempt < 5 {
                continue
            }
        }
        throw ChildProcess.Failed(description: "redis-server does not start.")
    }

    /// `redis://127.0.0.1:port`, without credentials.
    package var url: String { "redis://127.0.0.1:\(port)" }

    /// Ends the server at once (SIGKILL), and waits until its port is closed. What it knew is lost.
    package func kill() async throws {
        let killed = process.withLock { process in
            defer { process = nil }
            return process
        }
        killed?.kill()
        try await killed?.exit()
    }

    /// Starts the server again after ``kill()``, on the same port.
    package func restart() async throws {
        try await kill()
        let started = try await Self.start(arguments)
        process.withLock { $0 = started }
    }

    /// Stops the server in the middle of whatever it does, as a hanging machine would; its connections stay open.
    package func freeze() { process.withLock { $0?.send(signal: SIGSTOP) } }

    package func thaw() { process.withLock { $0?.send(signal: SIGCONT) } }

    private static func start(_ arguments: [String]) async throws -> ChildProcess {
        let process = try ChildProcess("redis-server", arguments)
        try await process.line(containing: "Ready to accept connections")
        return process
    }

    private static func arguments(_ port: Int, _ folder: String, _ certificates: TestCertificates?) -> [String] {
        let common = ["--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
        guard let certificates else { return common + ["--port", "\(port)"] }
        return common + [
            "--port", "0", "--tls-port", "\(port)", "--tls-cert-file", certificates.serverCertificate,
            "--tls-key-file", certificates.serverKey, "--tls-ca-cert-file", certificates.authority,
        ]
    }
}
