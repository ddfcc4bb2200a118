import Domain
import Foundation
import RegistryCore
import Runtime
import WebRequests

@testable import Buildman

/// The real API server that scripts/kubernetes-test has started: the tests' hands on it, as an administrator and as the
/// kubelet that it lacks.
struct RealCluster: Sendable {
    /// `host:port`; nil where no such server runs.
    static let address = ProcessInfo.processInfo.environment["KUBERNETES_TEST_SERVER"]
    static let files = ProcessInfo.processInfo.environment["KUBERNETES_TEST_FILES"] ?? ""
    static let missing = "needs a real Kubernetes API server: run make kubernetes-test"

    static var authority: String { "\(files)/ca.pem" }
    static var tokenFile: String { "\(files)/token" }
    static var asAccount: String {
        "K8S_API_SERVER: \"\(address ?? "")\", K8S_API_TLS_CA: \(authority), SERVICE_ACCOUNT_TOKEN_FILE: \(tokenFile)"
    }
    static var asAdministrator: String {
        "K8S_API_SERVER: \"\(address ?? "")\", K8S_API_TLS_CA: \(authority), K8S_API_TLS_CERT: \(files)/admin.pem, "
            + "K8S_API_TLS_KEY: \(files)/admin.key"
    }

    private let web = WebClient(
        addresses: .any,
        trust: TLSTrust(
            authorities: .only([.file(path: authority)]),
            identity: .init(certificate: .file(path: "\(files)/admin.pem"), key: .file(path: "\(files)/admin.key"))))

    /// Asks as the administrator; nil for 404.
    @discardableResult
    func ask(
        _ method: WebRequest.Method, _ path: String, _ json: String? = nil, type: String = "application/json"
    ) async throws -> [String: Any]? {
        var request = WebRequest(method, "https://\(Self.address ?? "")\(path)")
        if let json {
            request.body = .bytes(Array(json.utf8))
            request.headers["Content-Type"] = type
        }
        let answer = try await web.send(request)
        if answer.status == 404 { return nil }
        try answer.requiringSuccess()
        return try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
    }

    static let jobs = "/apis/batch/v1/namespaces/builder/jobs"
    static let core = "/api/v1/namespaces/builder"

    /// The names of an attempt's pods.
    func pods(of key: JobKey) async throws -> [String] {
        let list = try await ask(.get, "\(Self.core)/pods?labelSelector=job-name%3D\(key)")
        let items = list?["items"] as? [[String: Any]] ?? []
        return items.compactMap { ($0["metadata"] as? [String: Any])?["name"] as? String }
    }

    func exists(_ path: String) async throws -> Bool { try await ask(.get, path) != nil }

    /// Plays scheduler: puts a pod on the node.
    func bind(_ pod: String) async throws {
        try await ask(
            .post, "\(Self.core)/pods/\(pod)/binding",
            #"{"apiVersion":"v1","kind":"Binding","metadata":{"name":"\#(pod)"},"target":{"kind":"Node","name":"node-1"}}"#
        )
    }

    /// Plays kubelet: writes a pod's status.
    func status(_ pod: String, _ status: String) async throws {
        try await ask(
            .patch, "\(Self.core)/pods/\(pod)/status", #"{"status":\#(status)}"#, type: "application/merge-patch+json")
    }

    /// Plays kubelet: a pod that was told to end has ended.
    func finish(_ pod: String) async throws {
        try await ask(.delete, "\(Self.core)/pods/\(pod)", #"{"gracePeriodSeconds":0}"#)
    }

    func until(_ what: String, within limit: Duration = .seconds(30), _ isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + limit
        while !(try await isSo()) {
            guard ContinuousClock.now < end else { throw ExecutorFailure("Waited in vain: \(what)") }
            try await WallClock.system.sleep(for: .milliseconds(50))
        }
    }
}
