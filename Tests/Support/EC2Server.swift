import Foundation
import Synchronization
import WebRequests

/// An EC2 service of the test process's own, on a free port of the loopback: moto behind a gate that checks every
/// signature, keeps the promise of client tokens, and fails or hides when it is told to. It forgets everything when it
/// ends.
package final class EC2Server: Sendable {
    package static let keys = (id: "AKIDTEST", secret: "secret/of+the=tests")
    package static let region = "eu-west-1"
    /// The only image there is, that of the stream `stable`.
    package static let image = "ami-0c05e5c05e5c05e50"

    package let port: Int
    private let process: Mutex<ChildProcess?>
    private let client = WebClient(addresses: .any)

    /// One that serves the whole test process: tags must be the test's own, and suites that give it orders serial.
    package static var shared: EC2Server {
        get async throws { try await starting.value }
    }

    private static let starting = Task { try await EC2Server() }

    /// Starts a server; the first one on this machine installs moto.
    package init() async throws {
        let started = try await MotoProcess.start("ec2_server.py", keys: Self.keys)
        port = started.port
        process = Mutex(started.process)
    }

    package var url: String { "http://127.0.0.1:\(port)/" }
    /// Where streams of Fedora CoreOS are described.
    package var streams: String { url + "_gate/streams" }

    /// The next `count` calls of `action` (any, where that is empty) are answered with an error.
    /// - Parameter isPerformed: what was asked for happens all the same.
    package func fail(
        _ count: Int, code: String = "Unavailable", status: Int = 503, action: String = "", isPerformed: Bool = false
    ) async throws {
        try await order(
            "fail=\(count)&code=\(code)&status=\(status)&action=\(action)" + (isPerformed ? "&after=1" : ""))
    }

    /// The next `count` looks at the instances don't show those started since the last look that did.
    package func hideNew(for count: Int) async throws { try await order("hide=\(count)") }

    /// The next launch is performed, and the connection breaks before the answer.
    package func loseAnswer() async throws { try await order("drop=1") }

    /// The parameters of all calls so far.
    package func calls(_ action: String) async throws -> [[String: String]] {
        let text = try await client.send(WebRequest(.get, url + "_gate")).requiringSuccess().text
        return try text.split(separator: "\n").map {
            try JSONDecoder().decode([String: String].self, from: Data($0.utf8))
        }.filter { $0["Action"] == action }
    }

    /// What runs and what ran with that tag, without a key: for programs that use this service.
    package func instances(tagged name: String, _ value: String) async throws -> [(id: String, state: String)] {
        let text = try await client.send(WebRequest(.get, "\(url)_gate/instances?\(name)=\(value)"))
            .requiringSuccess().text
        return text.split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            return (id: String(words[0]), state: String(words[1]))
        }
    }

    private func order(_ query: String) async throws {
        try await client.send(WebRequest(.post, "\(url)_gate?\(query)")).requiringSuccess()
    }

    /// Ends the service at once; what it knew is lost.
    package func kill() async throws {
        let killed = process.withLock { process in
            defer { process = nil }
            return process
        }
        killed?.kill()
        try await killed?.exit()
    }
}
