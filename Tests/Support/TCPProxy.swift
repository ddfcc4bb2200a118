import Foundation
import WebRequests

/// A TCP proxy between a client and a server of this machine, which a test can make deaf or dead.
package final class TCPProxy: Sendable {
    package enum Mode: String, Sendable {
        /// Bytes flow.
        case pass
        /// Connections stand, and nothing gets through: what was sent arrives when bytes flow again.
        case hold
        /// Connections are reset, and new ones refused.
        case cut
    }

    /// Where clients connect.
    package let port: Int
    private let control: Int
    private let process: ChildProcess
    private let client = WebClient(addresses: .any)

    /// Starts a proxy to `target`, a port of the loopback that need not be served yet.
    /// - Parameter port: where to listen; nil for any free port.
    package convenience init(to target: Int, port: Int? = nil) async throws {
        try await self.init(toAny: [target], port: port)
    }

    /// The same with several targets: each connection goes to one that takes it, in turn.
    package init(toAny targets: [Int], port wish: Int? = nil) async throws {
        port = try wish ?? FreePort.find()
        control = try FreePort.find()
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "tcp_proxy.py").path
        process = try ChildProcess(
            "python3", [script, "\(port)", targets.map(String.init).joined(separator: ","), "\(control)"])
        try await process.line(containing: "ready")
    }

    /// Takes effect before it returns.
    package func set(_ mode: Mode) async throws { _ = try await ask(mode.rawValue) }

    /// How many connections clients have made so far.
    package var connections: Int { get async throws { Int(try await ask("count")) ?? 0 } }

    private func ask(_ word: String) async throws -> String {
        try await client.send(WebRequest(.get, "http://127.0.0.1:\(control)/\(word)")).requiringSuccess().text
    }
}
