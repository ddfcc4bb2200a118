import Foundation
import TestSupport
import Testing
import WebRequests

/// The three programs with a strict cluster between them: the test is its kubelet, and starts in each pod what the Job says.
@Suite("Kubernetes farm", .serialized) struct KubernetesFarmTests {
    /// The pods of a cluster, run as processes of this machine.
    final class Kubelet: Sendable {
        let cluster: KubernetesServer

        init(_ cluster: KubernetesServer) { self.cluster = cluster }

        /// The environment of the one pod there is, with what it takes from its Secret; nil while there is none.
        func environment() async throws -> (job: String, variables: [String: String])? {
            let things =
                try JSONSerialization.jsonObject(with: Data(try await cluster.everything().utf8)) as? [[String: Any]]
                ?? []
            func name(_ thing: [String: Any]) -> String {
                (thing["metadata"] as? [String: Any])?["name"] as? String ?? ""
            }
            guard let pod = things.first(where: { $0["kind"] as? String == "Pod" }),
                let secret = things.first(where: { $0["kind"] as? String == "Secret" }),
                let data = secret["data"] as? [String: String], let spec = pod["spec"] as? [String: Any],
                let container = (spec["containers"] as? [[String: Any]])?.first,
                let list = container["env"] as? [[String: Any]]
            else { return nil }
            var variables: [String: String] = [:]
            for item in list {
                let reference = (item["valueFrom"] as? [String: Any])?["secretKeyRef"] as? [String: String]
                let hidden = reference.flatMap { $0["name"] == name(secret) ? data[$0["key"] ?? ""] : nil }
                    .flatMap { Data(base64Encoded: $0) }.map { String(decoding: $0, as: UTF8.self) }
                variables[item["name"] as? String ?? ""] = item["value"] as? String ?? hidden
            }
            return (name(secret), variables)
        }
    }

    static let quick = ["INCOMPLETE_RETRY_DELAY": "1", "WORK_CHECK_TIMEOUT": "1"]

    static func farm(_ cluster: KubernetesServer) async throws -> Farm {
        try await Farm(
            .sqlite, manager: quick, kind: "kubernetesPodman",
            executor: [
                "K8S_API_SERVER": "\"\(cluster.address)\"", "CONTAINER_RUNTIME": "buildah", "SETUP_TIME": "60",
            ])
    }

    @Test("a build runs in the pod of its Job, and nothing of it is left in the cluster")
    func builds() async throws {
        let cluster = try await KubernetesServer(token: nil)
        let farm = try await Self.farm(cluster)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("app", token: token)
        let build = try await farm.build(
            "app", files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN echo cluster > /made.txt"], token: token)
        let kubelet = Kubelet(cluster)
        try await farm.eventually("a pod") { try await kubelet.environment() != nil }
        let pod = try #require(try await kubelet.environment())
        #expect(pod.job == "\(build)-1")
        try await cluster.pod(of: pod.job, status: #"{"phase":"Running"}"#)
        let home = try TemporaryFolder()
        let agent = try ChildProcess(
            "\(Programs.folder)/BuilderAgent", environment: pod.variables.merging(["TMPDIR": home.path]) { $1 })
        #expect(
            try await farm.outcome(of: build, in: "app", token: token, within: .seconds(120)) == "complete",
            "\(agent.printed)")
        #expect(try await agent.exit() == 0)
        let root = try await farm.pull("admin/app")
        #expect(FileManager.default.fileExists(atPath: "\(root)/made.txt"))
        try await farm.eventually("the cluster is empty") { try await cluster.objects().isEmpty }
    }

    @Test("a pod whose image can't be pulled is tried again, and the third time the build is over with the reason")
    func badImage() async throws {
        let cluster = try await KubernetesServer(token: nil)
        let farm = try await Self.farm(cluster)
        let token = try await farm.initialize()
        try await farm.createRepository("app", token: token)
        let build = try await farm.build("app", files: ["Dockerfile": "FROM scratch"], token: token)
        for attempt in 1...3 {
            let job = "\(build)-\(attempt)"
            try await farm.eventually("Job \(attempt)", within: .seconds(30)) {
                try await cluster.objects().contains("Secret \(job)")
            }
            try await cluster.pod(
                of: job,
                status:
                    #"{"phase":"Pending","containerStatuses":[{"image":"r/x:1","state":{"waiting":{"reason":"ErrImagePull","message":"r/x:1 not found"}}}]}"#
            )
        }
        try await farm.eventually("the build is expired", within: .seconds(60)) {
            try await farm.phase(of: build, in: "app", token: token) == "expired"
        }
        #expect(farm.buildman.log.contains("can't be pulled (ErrImagePull): r/x:1 not found"))
        try await farm.eventually("the cluster is empty") { try await cluster.objects().isEmpty }
    }

    @Test("a cancelled build's pod is gone within five seconds")
    func cancelled() async throws {
        let cluster = try await KubernetesServer(token: nil)
        let farm = try await Self.farm(cluster)
        let token = try await farm.initialize()
        try await farm.createRepository("app", token: token)
        let build = try await farm.build("app", files: ["Dockerfile": "FROM scratch"], token: token)
        try await farm.eventually("the pod") { try await cluster.objects().contains("Secret \(build)-1") }
        let answer = try await farm.call(.delete, "/api/v1/repository/admin/app/build/\(build)", token: token)
        #expect((200..<300).contains(answer.status))
        try await farm.eventually("the cluster is empty", within: .seconds(5)) { try await cluster.objects().isEmpty }
    }

    @Test("Buildman killed while a pod starts: one builder, and it goes on")
    func survives() async throws {
        let cluster = try await KubernetesServer(token: nil)
        let farm = try await Self.farm(cluster)
        let token = try await farm.initialize()
        try await farm.createRepository("app", token: token)
        let build = try await farm.build("app", files: ["Dockerfile": "FROM scratch\nLABEL a=b"], token: token)
        let kubelet = Kubelet(cluster)
        try await farm.eventually("a pod") { try await kubelet.environment() != nil }
        let pod = try #require(try await kubelet.environment())
        // Killed before it noted who starts the builder, a manager gives the launch back.
        try await farm.eventually("the start is noted") {
            try await farm.phase(of: build, in: "app", token: token) == "build-scheduled"
        }
        try await farm.buildman.kill()
        try farm.buildman.start()
        let home = try TemporaryFolder()
        let agent = try ChildProcess(
            "\(Programs.folder)/BuilderAgent", environment: pod.variables.merging(["TMPDIR": home.path]) { $1 })
        #expect(
            try await farm.outcome(of: build, in: "app", token: token, within: .seconds(120)) == "complete",
            "\(agent.printed)")
        try await farm.eventually("the cluster is empty") { try await cluster.objects().isEmpty }
    }
}
