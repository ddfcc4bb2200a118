import Foundation
import RegistryCore
import TestSupport
import Testing
import WebRequests

@testable import Buildman

@Suite("Kubernetes access") struct KubernetesAccessTests {
    static func access(_ keys: String, environment: [String: String] = [:], extra: [String] = []) throws
        -> KubernetesAccess
    {
        KubernetesAccess(
            try KubernetesCase.settings(keys), extraAuthorities: extra, environment: environment, mounted: "/mounted")
    }

    @Test("https exactly where a token or a client certificate is set")
    func scheme() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("x", to: "x.pem")
        let cases = [
            ("", "http://localhost:8080"), ("K8S_API_SERVER: \"api.example.com:6443\"", "http://api.example.com:6443"),
            ("K8S_API_SERVER: api.example.com, SERVICE_ACCOUNT_TOKEN: t", "https://api.example.com"),
            ("SERVICE_ACCOUNT_TOKEN_FILE: \(file)", "https://localhost:8080"),
            (
                "K8S_API_SERVER: \"[fd00::1]:6443\", K8S_API_TLS_CERT: \(file), K8S_API_TLS_KEY: \(file)",
                "https://[fd00::1]:6443"
            ),
            ("K8S_API_SERVER: \"a:1\", K8S_API_TLS_CA: \(file)", "http://a:1"),
        ]
        for (keys, url) in cases { #expect(try Self.access(keys).url == url, "\(keys)") }
    }

    @Test(
        "SEC-Key/issuer trust: only the authority that K8S_API_TLS_CA names is believed, and a token never travels in plain text"
    )
    func trust() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("x", to: "ca.crt")
        let named = try Self.access("SERVICE_ACCOUNT_TOKEN: t, K8S_API_TLS_CA: \(file)", extra: ["/other"]).trust
        #expect(named.authorities == .only([.file(path: file)]) && named.plainText == .refused)
        let extra = try Self.access("SERVICE_ACCOUNT_TOKEN: t", extra: ["/other"]).trust
        #expect(extra.authorities == .systemAnd([.file(path: "/other")]))
        #expect(try Self.access("SERVICE_ACCOUNT_TOKEN: t").trust.authorities == .system)
        #expect(try Self.access("").trust.plainText == .allowed)
    }

    @Test("in a pod, where nothing is named, the cluster around it is meant")
    func inCluster() throws {
        let environment = ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443"]
        let access = try Self.access("BUILDER_NAMESPACE: builds", environment: environment)
        #expect(access.url == "https://10.96.0.1:6443" && access.credentials == .tokenFile(path: "/mounted/token"))
        #expect(access.trust.authorities == .only([.file(path: "/mounted/ca.crt")]))
        #expect(try Self.access("", environment: ["KUBERNETES_SERVICE_HOST": "fd00::1"]).url == "https://[fd00::1]:443")
        // Whoever names something means that.
        let named = try Self.access("K8S_API_SERVER: \"a:1\", SERVICE_ACCOUNT_TOKEN: t", environment: environment)
        #expect(named.url == "https://a:1" && named.credentials == .token("t"))
        #expect(try Self.access("K8S_API_SERVER: \"a:1\"", environment: environment).url == "http://a:1")
    }

    @Test("a token file is read anew each time, and one that says nothing is an error that names it")
    func tokenFile() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("first\n", to: "token")
        let access = try Self.access("SERVICE_ACCOUNT_TOKEN_FILE: \(file)")
        #expect(try access.bearerToken() == "first")
        try folder.write("second", to: "token")
        #expect(try access.bearerToken() == "second")
        try folder.write(" \n", to: "token")
        #expect(#expect(throws: ExecutorFailure.self) { try access.bearerToken() }?.description.contains(file) == true)
        try FileManager.default.removeItem(atPath: file)
        #expect(#expect(throws: ExecutorFailure.self) { try access.bearerToken() }?.description.contains(file) == true)
    }
}
