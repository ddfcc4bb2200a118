import Domain
import Foundation
import RegistryCore
import Runtime
import TestSupport
import Testing
import WebRequests

@testable import Buildman

@Suite("Kubernetes client") struct KubernetesClientTests {
    static func client(
        _ server: KubernetesServer, token: String? = KubernetesServer.token, namespace: String = "builder",
        timeout: Duration = .seconds(10)
    ) -> KubernetesClient {
        KubernetesClient(
            KubernetesAccess(
                url: "http://\(server.address)", trust: .system, credentials: token.map { .token($0) } ?? .none,
                timeout: timeout), namespace: namespace)
    }

    static func start(_ client: KubernetesClient, _ key: JobKey = KubernetesCase.key) async throws -> KubernetesJob {
        let manifest = try KubernetesCase.manifest()
        let labels = JobManifestTests.labels.all(for: key, at: JobManifestTests.now)
        return try await client.create(
            manifest.job(for: KubernetesCase.launch(key), labels: labels, entries: ["USERDATA": "x"]), .jobs,
            as: KubernetesJob.self)
    }

    static func sentence(_ work: () async throws -> Void) async -> String {
        do { try await work() } catch { return "\(error)" }
        return "nothing was thrown"
    }

    @Test("lists page by page, and finds, and deletes only the very object that is meant")
    func objects() async throws {
        let server = try await KubernetesServer(pageSize: 2)
        let client = Self.client(server)
        var jobs: [KubernetesJob] = []
        for number in 1...5 {
            jobs.append(try await Self.start(client, JobKey(buildUUID: KubernetesCase.uuid, attempt: number)))
        }
        let listed = try await client.list(KubernetesJob.self, selector: JobManifestTests.labels.selector)
        #expect(listed.objects.map(\.metadata.uid) == jobs.map(\.metadata.uid) && Int(listed.version) != nil)
        #expect(try await client.list(KubernetesJob.self, selector: "installation=other").objects.isEmpty)
        #expect(
            try await client.find(KubernetesCase.key.text, as: KubernetesJob.self)?.metadata.uid == jobs[0].metadata.uid
        )
        #expect(try await client.find("nothing", as: KubernetesJob.self) == nil)
        #expect(try await !client.delete(.jobs, "nothing"))
        let other = await Self.sentence { try await client.delete(.jobs, KubernetesCase.key.text, uid: "another") }
        #expect(other.contains("409"))
        #expect(try await client.delete(.jobs, KubernetesCase.key.text, uid: jobs[0].metadata.uid))
        #expect(try await client.find(KubernetesCase.key.text, as: KubernetesJob.self) == nil)
    }

    /// What the server is told, what the sentence must name.
    static let refusals: [(String, [String])] = [
        (
            #"{"do":"deny","verb":"create","resource":"jobs"}"#,
            ["verb \"create\" on jobs.batch", "namespace builder", "role.yaml"]
        ),
        (
            #"{"do":"fault","count":1,"method":"POST","status":403,"message":"pods is forbidden: exceeded quota: q, used: count/jobs.batch=2"}"#,
            ["quota of the namespace builder", "exceeded quota: q"]
        ),
        (#"{"do":"fault","count":1,"method":"POST","status":500}"#, ["can't answer now (500)", "told to fail"]),
        (#"{"do":"fault","count":1,"method":"POST","status":429}"#, ["can't answer now (429)"]),
        (
            #"{"do":"fault","count":1,"method":"POST","status":422,"message":"spec: Invalid value"}"#,
            ["invalid (422)", "spec: Invalid value"]
        ),
        (#"{"do":"fault","count":1,"method":"POST","status":302}"#, ["refused to create jobs.batch (302)"]),
        (#"{"do":"fault","count":1,"method":"POST","drop":"before"}"#, ["can't be reached"]),
    ]

    @Test("each refusal is a sentence that says what to do", arguments: refusals)
    func refuses(_ order: String, _ words: [String]) async throws {
        let server = try await KubernetesServer()
        try await server.order(order)
        let client = Self.client(server)
        let sentence = await Self.sentence { _ = try await Self.start(client) }
        for word in words { #expect(sentence.contains(word), "\(sentence)") }
        #expect(!sentence.contains(KubernetesServer.token))
    }

    @Test("wrong credentials, a namespace that is missing, and a server that is none are told apart")
    func wrongPlaces() async throws {
        let server = try await KubernetesServer()
        let wrong = await Self.sentence { _ = try await Self.start(Self.client(server, token: "wrong")) }
        #expect(wrong.contains("does not accept our credentials (401)") && wrong.contains("SERVICE_ACCOUNT_TOKEN"))
        #expect(!wrong.contains("\"wrong\""))
        let elsewhere = await Self.sentence { _ = try await Self.start(Self.client(server, namespace: "other")) }
        #expect(elsewhere.contains("403") && elsewhere.contains("namespace other"))

        let open = try await KubernetesServer(token: nil)
        let missing = await Self.sentence {
            let client = Self.client(open, token: nil, namespace: "other")
            let manifest = try KubernetesCase.manifest("BUILDER_NAMESPACE: other")
            _ = try await client.create(
                manifest.job(for: KubernetesCase.launch, labels: [:], entries: ["USERDATA": "x"]), .jobs,
                as: KubernetesJob.self)
        }
        #expect(missing.contains("no namespace other") && missing.contains("BUILDER_NAMESPACE"), "\(missing)")

        try await server.kill()
        let gone = await Self.sentence { _ = try await Self.start(Self.client(server)) }
        #expect(gone.contains("can't be reached") && gone.contains("K8S_API_SERVER"))
    }

    @Test("a server that does not answer is given up after K8S_API_TIMEOUT, and asked anew by a new connection")
    func silence() async throws {
        let server = try await KubernetesServer()
        let client = Self.client(server, timeout: .seconds(2))
        _ = try await Self.start(client)
        server.freeze()
        let begun = ContinuousClock.now
        let sentence = await Self.sentence { _ = try await client.find("x", as: KubernetesJob.self) }
        #expect(sentence.contains("can't be reached") && ContinuousClock.now - begun < .seconds(10))
        server.thaw()
        #expect(try await client.find(KubernetesCase.key.text, as: KubernetesJob.self) != nil)
    }

    @Test("SEC-Upstream credential theft: TLS is verified by K8S_API_TLS_CA, before any token is sent")
    func tls() async throws {
        let certificates = try await TestCertificates()
        let server = try await KubernetesServer(certificates: certificates)
        func client(_ authority: String, identity: TLSTrust.Identity? = nil, token: String?) -> KubernetesClient {
            KubernetesClient(
                KubernetesAccess(
                    url: "https://\(server.address)",
                    trust: TLSTrust(
                        authorities: .only([.file(path: authority)]), identity: identity, plainText: .refused),
                    credentials: token.map { .token($0) } ?? .none, timeout: .seconds(10)), namespace: "builder")
        }
        let believing = client(certificates.authority, token: KubernetesServer.token)
        _ = try await Self.start(believing)

        let stranger = try await TestCertificates()
        let sentence = await Self.sentence {
            _ = try await Self.start(client(stranger.authority, token: "never-sent"))
        }
        #expect(sentence.contains("K8S_API_TLS_CA"), "\(sentence)")
        #expect(try await server.requests().allSatisfy { !$0.authorization.contains("never-sent") })

        // A client certificate alone is enough; without it, and without a token, nothing is.
        let identity = TLSTrust.Identity(
            certificate: .file(path: certificates.clientCertificate), key: .file(path: certificates.clientKey))
        let certified = client(certificates.authority, identity: identity, token: nil)
        #expect(try await certified.find(KubernetesCase.key.text, as: KubernetesJob.self) != nil)
        let nobody = client(certificates.authority, token: nil)
        #expect(await Self.sentence { _ = try await nobody.find("x", as: KubernetesJob.self) }.contains("401"))
    }

    @Test("a renewed token file counts from the next call on")
    func renewedToken() async throws {
        let server = try await KubernetesServer()
        let folder = try TemporaryFolder()
        let file = try folder.write("old", to: "token")
        let client = KubernetesClient(
            KubernetesAccess(
                url: "http://\(server.address)", trust: .system, credentials: .tokenFile(path: file),
                timeout: .seconds(10)), namespace: "builder")
        #expect(await Self.sentence { _ = try await client.find("x", as: KubernetesJob.self) }.contains("401"))
        try folder.write(KubernetesServer.token, to: "token")
        #expect(try await client.find("x", as: KubernetesJob.self) == nil)
    }
}
