import Foundation
import Glibc
import WebRequests

/// The API server of a small, strict cluster for a test, on a free port of the loopback. The namespace is `builder`; who
/// shows the token has the rights of k8s/builder-namespace/role.yaml and no others.
package final class KubernetesServer: Sendable {
    package static let token = "token-of-the-service-account"

    package let port: Int
    private let process: ChildProcess
    private let scheme: String
    private let client: WebClient

    /// What somebody has asked for.
    package struct Request: Decodable, Sendable {
        package let method: String
        package let path: String
        package let query: [String: String]
        package let body: String
        package let authorization: String
        /// Nil while it is being answered, and for what was cut off.
        package let status: Int?
    }

    /// With certificates it speaks TLS, and believes clients that their authority signed. Without a token in plain text,
    /// everybody may do everything.
    package init(
        token: String? = KubernetesServer.token, certificates: TestCertificates? = nil, pageSize: Int = 500
    ) async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        var arguments = ["--page", "\(pageSize)"]
        if let token { arguments += ["--token", token] }
        if let certificates {
            arguments +=
                ["--tls", certificates.serverCertificate, certificates.serverKey, certificates.authority]
        }
        scheme = certificates == nil ? "http" : "https"
        client = WebClient(
            addresses: .any,
            trust: certificates.map { TLSTrust(authorities: .only([.file(path: $0.authority)])) } ?? .system)
        // Another program may take the free port before the server does.
        for attempt in 1... {
            let port = try FreePort.find()
            do {
                let process = try ChildProcess(
                    "python3",
                    [
                        "-B", root + "/Tests/Support/kubernetes_server.py", "\(port)",
                        root + "/k8s/builder-namespace/role.yaml",
                    ] + arguments)
                try await process.line(containing: "Serving on", within: .seconds(60))
                self.port = port
                self.process = process
                return
            } catch  where attempt < 5 {
                continue
            }
        }
        throw ChildProcess.Failed(description: "The Kubernetes API for tests does not start.")
    }

    /// `host:port`, as K8S_API_SERVER names it.
    package var address: String { "127.0.0.1:\(port)" }

    /// Plays a controller, a kubelet, a person or misfortune: one of the orders of kubernetes_server.py, as JSON.
    package func order(_ json: String) async throws {
        var request = WebRequest(.post, "\(scheme)://\(address)/_control")
        request.headers["Content-Type"] = "application/json"
        request.body = .bytes(Array(json.utf8))
        try await client.send(request).requiringSuccess()
    }

    /// The status of the pods of a Job, as the kubelet would write it.
    package func pod(of job: String, status: String, node: String? = nil) async throws {
        let place = node.map { #","node":"\#($0)""# } ?? ""
        try await order(#"{"do":"pod","job":"\#(job)","status":\#(status)\#(place)}"#)
    }

    /// What was asked for so far, in order.
    package func requests() async throws -> [Request] {
        try JSONDecoder().decode([Request].self, from: try await get("requests"))
    }

    /// `jobs/name` and the like, of everything there is, but events.
    package func objects() async throws -> [String] {
        struct Thing: Decodable {
            struct Metadata: Decodable { let name: String }
            let kind: String
            let metadata: Metadata
        }
        return try JSONDecoder().decode([Thing].self, from: try await get("objects")).filter { $0.kind != "Event" }
            .map { "\($0.kind) \($0.metadata.name)" }.sorted()
    }

    /// Everything there is, as JSON.
    package func everything() async throws -> String { String(decoding: try await get("objects"), as: UTF8.self) }

    /// Stops in the middle of everything, as a hanging machine would; its connections stay open.
    package func freeze() { process.send(signal: SIGSTOP) }

    package func thaw() { process.send(signal: SIGCONT) }

    package func kill() async throws {
        process.kill()
        try await process.exit()
    }

    private func get(_ what: String) async throws -> Data {
        var request = WebRequest(.get, "\(scheme)://\(address)/_control/\(what)")
        request.maximumBodyBytes = nil
        return Data(try await client.send(request).requiringSuccess().body)
    }
}
