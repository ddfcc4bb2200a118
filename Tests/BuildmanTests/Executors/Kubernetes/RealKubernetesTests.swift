import Domain
import Foundation
import RegistryCore
import Runtime
import TestSupport
import Testing
import WebRequests

@testable import Buildman

/// The executor against a real kube-apiserver with its controllers; no kubelet, whose part the tests play.
@Suite(
    "Real Kubernetes", .serialized, .enabled(if: RealCluster.address != nil, Comment(rawValue: RealCluster.missing)))
struct RealKubernetesTests {
    let cluster = RealCluster()

    /// An attempt that no other test uses.
    let key = JobKey(buildUUID: Identifiers.system.uuid(), attempt: 1)

    struct Builder {
        let executor: KubernetesExecutor
        let log: CapturedLog

        func nextEnd() async throws -> BuilderEnd {
            let ends = executor.ends
            return try await withThrowingTaskGroup(of: BuilderEnd?.self) { group in
                group.addTask {
                    for await end in ends { return end }
                    return nil
                }
                group.addTask {
                    try await WallClock.system.sleep(for: .seconds(60))
                    return nil
                }
                defer { group.cancelAll() }
                guard let first = try await group.next(), let end = first else {
                    throw ExecutorFailure("No builder ended: \(log.lines)")
                }
                return end
            }
        }
    }

    static func builder(
        _ keys: String = "", as who: String = RealCluster.asAccount, kind: String = "kubernetes", name: String = "real"
    ) throws -> Builder {
        let all = [who, keys].filter { !$0.isEmpty }.joined(separator: ", ")
        let manifest = try KubernetesCase.manifest(all, kind: kind)
        let log = CapturedLog()
        let executor = KubernetesExecutor(
            KubernetesExecutor.Settings(
                profile: ExecutorProfile(name: name, server: "buildman.example.com:443", stopsWithManager: false),
                access: KubernetesAccess(manifest.settings.kubernetes, environment: [:]),
                labels: JobLabels(identity: "real", executor: name, manager: "host-1"), manifest: manifest.settings,
                entries: { manifest, launch in
                    switch manifest.settings.kubernetes.pod {
                    case .virtualMachine: try manifest.entries(machine: #"{"token":"\#(launch.registrationToken)"}"#)
                    case .agent: try manifest.entries(agent: launch, authorities: "PEM")
                    }
                }),
            clock: .system, logger: log.logger)
        return Builder(executor: executor, log: log)
    }

    /// Starts the attempt and answers its pod.
    func pod(_ builder: Builder) async throws -> String {
        #expect(try await builder.executor.start(KubernetesCase.launch(key)) == key.text)
        try await cluster.until("a pod") { try await cluster.pods(of: key).count == 1 }
        return try await cluster.pods(of: key)[0]
    }

    @Test(
        "a Job becomes a pod that takes its secrets by reference, once",
        arguments: ["kubernetes", "kubernetesPodman"])
    func start(kind: String) async throws {
        let builder = try Self.builder("HTTP_PROXY: \"http://u:proxy-password@p:1\"", kind: kind)
        let pod = try await pod(builder)
        #expect(try await builder.executor.start(KubernetesCase.launch(key)) == key.text)
        #expect(try await cluster.pods(of: key) == [pod])

        let job = try await cluster.ask(.get, "\(RealCluster.jobs)/\(key)")
        let secret = try await cluster.ask(.get, "\(RealCluster.core)/secrets/\(key)")
        let uid = JobManifestTests.text("metadata.uid", job)
        #expect(JobManifestTests.text("metadata.ownerReferences.0.uid", secret) == uid)
        #expect(JobManifestTests.text("spec.backoffLimit", job) == "0")
        #expect(JobManifestTests.text("spec.ttlSecondsAfterFinished", job) == "120")

        let made = try await cluster.ask(.get, "\(RealCluster.core)/pods/\(pod)")
        #expect(JobManifestTests.text("metadata.labels.build", made) == key.buildUUID)
        #expect(JobManifestTests.at("spec.automountServiceAccountToken", made) as? Bool == false)
        let reference = "spec.containers.0.env.0.valueFrom.secretKeyRef.name"
        #expect(JobManifestTests.text(reference, made) == key.text)
        for thing in [job, made] {
            let text = String(decoding: try JSONSerialization.data(withJSONObject: thing ?? [:]), as: UTF8.self)
            for word in [KubernetesCase.launch(key).registrationToken, "proxy-password", "-token-"] {
                #expect(!text.contains(word), "\(word)")
            }
        }
        await builder.executor.stop(key)
        for path in [
            "\(RealCluster.jobs)/\(key)", "\(RealCluster.core)/secrets/\(key)", "\(RealCluster.core)/pods/\(pod)",
        ] {
            #expect(try await !cluster.exists(path), "\(path)")
        }
        await builder.executor.stop(key)
    }

    @Test("stop waits for a pod on a node, and returns when the kubelet has ended it")
    func stopOnNode() async throws {
        let builder = try Self.builder()
        let pod = try await pod(builder)
        try await cluster.bind(pod)
        try await cluster.status(pod, #"{"phase":"Running"}"#)
        async let stopping: Void = builder.executor.stop(key)
        try await cluster.until("the pod is told to end") {
            let found = try await cluster.ask(.get, "\(RealCluster.core)/pods/\(pod)")
            return JobManifestTests.text("metadata.deletionTimestamp", found) != "-"
        }
        let found = try await cluster.ask(.get, "\(RealCluster.core)/pods/\(pod)")
        #expect(JobManifestTests.text("metadata.deletionGracePeriodSeconds", found) == "1")
        try await cluster.finish(pod)
        await stopping
        #expect(try await cluster.pods(of: key).isEmpty)
        #expect(!builder.log.lines.contains { $0.contains("does not end") })
    }

    /// What the kubelet writes, and what the end must name.
    static let podEnds = [
        (BuilderFateTests.terminated("OOMKilled", 137), "OOMKilled"),
        (#"{"phase":"Failed","reason":"Evicted","message":"low on resource: memory"}"#, "(Evicted): low on resource"),
        (BuilderFateTests.waiting("ErrImagePull", "manifest unknown"), "manifest unknown"),
        (BuilderFateTests.waiting("InvalidImageName", "bad"), "InvalidImageName"),
        (#"{"phase":"Succeeded"}"#, "its pod ended"),
    ]

    @Test("what becomes of a pod is told by watch", arguments: podEnds)
    func ends(_ status: String, _ word: String) async throws {
        let builder = try Self.builder()
        let pod = try await pod(builder)
        try await cluster.bind(pod)
        // A container's status needs its name and more than the executor reads.
        let whole = status.replacingOccurrences(
            of: #"{"image":"r.example/vm:1","state""#,
            with: #"{"name":"builder","image":"r.example/vm:1","imageID":"","ready":false,"restartCount":0,"state""#
        ).replacingOccurrences(
            of: #"[{"state""#,
            with: #"[{"name":"builder","image":"i","imageID":"","ready":false,"restartCount":0,"state""#)
        try await cluster.status(pod, whole)
        let end = try await builder.nextEnd()
        #expect(end.key == key && end.how.contains(word), "\(end.how)")
        async let stopping: Void = builder.executor.stop(key)
        try await cluster.until("the pod may go") {
            let found = try await cluster.ask(.get, "\(RealCluster.core)/pods/\(pod)")
            return found == nil || JobManifestTests.text("metadata.deletionTimestamp", found) != "-"
        }
        try await cluster.finish(pod)
        await stopping
    }

    @Test("a Job that somebody deletes takes its Secret and pods with it, and is told")
    func deleted() async throws {
        let builder = try Self.builder()
        let pod = try await pod(builder)
        try await cluster.until("the Job is seen") { await builder.executor.table.jobs[key] != nil }
        try await cluster.ask(.delete, "\(RealCluster.jobs)/\(key)", #"{"propagationPolicy":"Background"}"#)
        #expect(try await builder.nextEnd().how.contains("Job was deleted"))
        try await cluster.until("the Secret is gone") {
            try await !cluster.exists("\(RealCluster.core)/secrets/\(key)")
        }
        try await cluster.until("the pod is gone") { try await !cluster.exists("\(RealCluster.core)/pods/\(pod)") }
    }

    @Test("a pod that somebody deletes is told, and its successor goes with the Job")
    func deletedPod() async throws {
        let builder = try Self.builder()
        let pod = try await pod(builder)
        try await cluster.until("the pod is seen") { await !builder.executor.table.pods(of: key).isEmpty }
        try await cluster.finish(pod)
        #expect(try await builder.nextEnd().how.contains("its pod was"))
        await builder.executor.stop(key)
        #expect(try await cluster.pods(of: key).isEmpty)
    }

    @Test("an ended Job expires, and its Secret and pod with it")
    func expires() async throws {
        let builder = try Self.builder("RETENTION_AFTER_FINISHED: 1")
        let pod = try await pod(builder)
        try await cluster.bind(pod)
        try await cluster.status(pod, #"{"phase":"Succeeded"}"#)
        _ = try await builder.nextEnd()
        try await cluster.until("the Job expires") { try await !cluster.exists("\(RealCluster.jobs)/\(key)") }
        try await cluster.until("its Secret goes") { try await !cluster.exists("\(RealCluster.core)/secrets/\(key)") }
        try await cluster.until("its pod goes") {
            let found = try await cluster.ask(.get, "\(RealCluster.core)/pods/\(pod)")
            return found == nil || JobManifestTests.text("metadata.deletionTimestamp", found) != "-"
        }
        if try await cluster.exists("\(RealCluster.core)/pods/\(pod)") { try await cluster.finish(pod) }
    }

    @Test("a Job that takes longer than MAXIMUM_JOB_TIME is ended by the cluster, and told")
    func deadline() async throws {
        let builder = try Self.builder("MAXIMUM_JOB_TIME: 2")
        _ = try await pod(builder)
        #expect(try await builder.nextEnd().how.contains("MAXIMUM_JOB_TIME (2 s)"))
        await builder.executor.stop(key)
    }

    @Test("a Job whose pod the cluster refuses says why")
    func refusedPod() async throws {
        let builder = try Self.builder("SERVICE_ACCOUNT_NAME: nobody-has-made-it")
        _ = try await builder.executor.start(KubernetesCase.launch(key))
        let how = try await builder.nextEnd().how
        #expect(how.contains("its Job got no pod") && how.contains("nobody-has-made-it"), "\(how)")
        await builder.executor.stop(key)
    }

    @Test("leftovers of ended attempts are ended, live ones watched, and others' Jobs left alone")
    func reap() async throws {
        let live = JobKey(buildUUID: Identifiers.system.uuid(), attempt: 2)
        let foreign = JobKey(buildUUID: Identifiers.system.uuid(), attempt: 3)
        let before = try Self.builder()
        _ = try await before.executor.start(KubernetesCase.launch(key))
        _ = try await before.executor.start(KubernetesCase.launch(live))
        let other = try Self.builder(name: "other")
        _ = try await other.executor.start(KubernetesCase.launch(foreign))

        let builder = try Self.builder()
        try await cluster.until("the leftover is gone") {
            await builder.executor.reap(keeping: [live])
            return try await !cluster.exists("\(RealCluster.jobs)/\(key)")
        }
        #expect(try await cluster.exists("\(RealCluster.jobs)/\(live)"))
        #expect(try await cluster.exists("\(RealCluster.jobs)/\(foreign)"))
        await builder.executor.stop(live)
        await other.executor.stop(foreign)
    }

    @Test("refusals of the real server become our sentences")
    func refusals() async throws {
        func sentence(_ builder: Builder) async -> String {
            do { return try await builder.executor.start(KubernetesCase.launch(key)) } catch { return "\(error)" }
        }
        let folder = try TemporaryFolder()
        let wrong = try folder.write("wrong", to: "token")
        let stranger = RealCluster.asAccount.replacingOccurrences(of: RealCluster.tokenFile, with: wrong)
        #expect(await sentence(try Self.builder(as: stranger)).contains("does not accept our credentials (401)"))

        let elsewhere = await sentence(try Self.builder("BUILDER_NAMESPACE: default"))
        #expect(elsewhere.contains("verb \"create\" on jobs.batch in the namespace default"), "\(elsewhere)")

        let missing = await sentence(
            try Self.builder("BUILDER_NAMESPACE: nowhere", as: RealCluster.asAdministrator))
        #expect(missing.contains("There is no namespace nowhere"), "\(missing)")

        let invalid = await sentence(
            try Self.builder("NODE_SELECTOR_LABEL_KEY: \"not a key\", NODE_SELECTOR_LABEL_VALUE: x"))
        #expect(invalid.contains("invalid (422)") && invalid.contains("not a key"), "\(invalid)")

        let others = try await TestCertificates()
        let distrusting = RealCluster.asAccount.replacingOccurrences(
            of: RealCluster.authority, with: others.authority)
        #expect(await sentence(try Self.builder(as: distrusting)).contains("K8S_API_TLS_CA"))
        withExtendedLifetime(others) {}

        let quota = "\(RealCluster.core)/resourcequotas"
        try await cluster.ask(
            .post, quota,
            #"{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"none"},"spec":{"hard":{"count/jobs.batch":"0"}}}"#
        )
        try await cluster.until("the quota counts") {
            let found = try await cluster.ask(.get, "\(quota)/none")
            return JobManifestTests.text("status.hard", found) != "-"
        }
        let full = await sentence(try Self.builder())
        #expect(full.contains("quota of the namespace builder is used up"), "\(full)")
        try await cluster.ask(.delete, "\(quota)/none")
    }

    @Test("SEC-Authorisation slips: the service account may do what the executor needs, and nothing else")
    func rights() async throws {
        let token = try String(contentsOfFile: RealCluster.tokenFile, encoding: .utf8)
        let web = WebClient(
            addresses: .any, trust: TLSTrust(authorities: .only([.file(path: RealCluster.authority)])))
        func status(_ method: WebRequest.Method, _ path: String, _ json: String? = nil) async throws -> Int {
            var request = WebRequest(method, "https://\(RealCluster.address ?? "")\(path)")
            request.authorize(bearer: token)
            if let json {
                request.body = .bytes(Array(json.utf8))
                request.headers["Content-Type"] = "application/json"
            }
            return try await web.send(request).status
        }
        let forbidden: [(WebRequest.Method, String)] = [
            (.get, "\(RealCluster.core)/secrets"), (.get, "\(RealCluster.core)/secrets/x"),
            (.post, "\(RealCluster.core)/pods"), (.get, "\(RealCluster.core)/pods/x/log"),
            (.post, "\(RealCluster.core)/pods/x/exec"), (.get, "\(RealCluster.core)/configmaps"),
            (.get, "/api/v1/namespaces/default/pods"), (.get, "/apis/batch/v1/jobs"), (.get, "/api/v1/nodes"),
            (.post, "/apis/rbac.authorization.k8s.io/v1/namespaces/builder/roles"),
            (.put, "\(RealCluster.jobs)/x"), (.post, "\(RealCluster.core)/serviceaccounts/default/token"),
            (.delete, RealCluster.jobs), (.delete, "\(RealCluster.core)/secrets"),
        ]
        for (method, path) in forbidden {
            let body = method == .get || method == .delete ? nil : "{}"
            #expect(try await status(method, path, body) == 403, "\(method) \(path)")
        }
        #expect(try await status(.get, RealCluster.jobs) == 200)
        #expect(try await status(.get, "\(RealCluster.core)/events") == 200)
        // Whatever the suite has done so far, it did with these rights: nothing was refused on the way.
    }

    @Test("a watch from a version that the server has forgotten begins anew")
    func forgotten() async throws {
        let manifest = try KubernetesCase.manifest(RealCluster.asAccount)
        let client = KubernetesClient(
            KubernetesAccess(manifest.settings.kubernetes, environment: [:]), namespace: "builder")
        var said = ""
        do {
            let body = try await client.watch(
                .jobs, selector: "build", from: "1", for: .seconds(3), silentFor: .seconds(10))
            for try await chunk in body { said += String(decoding: chunk, as: UTF8.self) }
        } catch let refusal as KubernetesRefusal { said = "\(refusal.status)" }
        #expect(said.contains("410"), "\(said)")
    }
}
