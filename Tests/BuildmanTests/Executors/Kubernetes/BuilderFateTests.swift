import Foundation
import RegistryCore
import Testing

@testable import Buildman

@Suite("Builder fate") struct BuilderFateTests {
    static func job(_ status: String = "{}", deleted: Bool = false) throws -> KubernetesJob {
        let gone = deleted ? #","deletionTimestamp":"2026-11-25T09:00:00Z""# : ""
        return try JSONDecoder().decode(
            KubernetesJob.self, from: Data(#"{"metadata":{"name":"j","uid":"u"\#(gone)},"status":\#(status)}"#.utf8))
    }

    static func pod(_ status: String, uid: String = "p", deleted: Bool = false) throws -> KubernetesPod {
        let gone = deleted ? #","deletionTimestamp":"2026-11-25T09:00:00Z""# : ""
        return try JSONDecoder().decode(
            KubernetesPod.self,
            from: Data(#"{"metadata":{"name":"\#(uid)","uid":"\#(uid)"\#(gone)},"status":\#(status)}"#.utf8))
    }

    static func waiting(_ reason: String, _ message: String = "") -> String {
        #"""
        {"phase":"Pending","containerStatuses":[{"image":"r.example/vm:1","state":{"waiting":{"reason":"\#(reason)",
         "message":"\#(message)"}}}]}
        """#
    }

    static func terminated(_ reason: String, _ code: Int, _ message: String = "") -> String {
        #"""
        {"phase":"Failed","containerStatuses":[{"state":{"terminated":{"reason":"\#(reason)","exitCode":\#(code),
         "message":"\#(message)"}}}]}
        """#
    }

    static func names() throws -> BuilderFate.Names {
        BuilderFate.Names(
            try KubernetesCase.settings("KUBERNETES_DISTRIBUTION: openshift, NODE_SELECTOR_LABEL_VALUE: metal"))
    }

    static let failed =
        #"{"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded","message":"m"}]}"#
    static let deadline =
        #"{"conditions":[{"type":"Failed","status":"True","reason":"DeadlineExceeded","message":"was active longer"}]}"#

    /// The Job's status, the pod's, and what the sentence must name.
    static let ends: [(String, String?, [String])] = [
        (
            failed, terminated("OOMKilled", 137),
            ["OOMKilled", "CONTAINER_MEMORY_LIMITS (5120Mi)", "VM_MEMORY_LIMIT (4G)"]
        ),
        (
            failed, #"{"phase":"Failed","reason":"Evicted","message":"The node was low on resource: memory."}"#,
            ["Evicted", "low on resource: memory"]
        ),
        (deadline, nil, ["DeadlineExceeded", "MAXIMUM_JOB_TIME (7200 s)"]),
        (deadline, terminated("Error", 143), ["DeadlineExceeded"]),
        ("{}", #"{"phase":"Failed","reason":"DeadlineExceeded","message":"x"}"#, ["DeadlineExceeded"]),
        (
            "{}", #"{"phase":"Failed","reason":"Shutdown","message":"Node is shutting down"}"#,
            ["node went away", "Shutdown"]
        ),
        (
            "{}", #"{"phase":"Failed","reason":"OutOfmemory","message":"not enough"}"#,
            ["node refused it", "not enough"]
        ),
        (failed, terminated("Error", 3, "last words"), ["exited with code 3"]),
        (failed, terminated("StartError", 128, "exec: no such file"), ["StartError", "exec: no such file"]),
        ("{}", #"{"phase":"Succeeded"}"#, ["its pod ended"]),
        ("{}", waiting("InvalidImageName", "couldn't parse"), ["InvalidImageName", "BUILDER_VM_CONTAINER_IMAGE"]),
        ("{}", waiting("ErrImageNeverPull"), ["ErrImageNeverPull", "r.example/vm:1"]),
    ]

    @Test("what is over says how, in words that name what to do", arguments: ends)
    func over(_ job: String, _ pod: String?, _ words: [String]) throws {
        let fate = BuilderFate(
            job: try Self.job(job), pods: try [pod].compactMap { try $0.map { try Self.pod($0) } }, try Self.names())
        guard case .over(let sentence, _) = fate else {
            Issue.record("\(fate)")
            return
        }
        for word in words { #expect(sentence.contains(word), "\(sentence)") }
        #expect(!sentence.contains("last words"))
    }

    @Test("what the container printed is for the log, and stands beside the sentence")
    func printed() throws {
        let fate = BuilderFate(
            job: try Self.job(Self.failed), pods: [try Self.pod(Self.terminated("Error", 3, "last words"))],
            try Self.names())
        #expect(fate == .over("its container exited with code 3", printed: "last words"))
    }

    @Test("a Job that is over before its pod is waits for the pod's own words")
    func unexplained() throws {
        let cases: [(String, String?, String)] = [
            (Self.failed, nil, "BackoffLimitExceeded: m"),
            (Self.failed, #"{"phase":"Running"}"#, "BackoffLimitExceeded"),
            (#"{"conditions":[{"type":"Complete","status":"True"}]}"#, nil, "its pod ended"),
        ]
        for (status, pod, word) in cases {
            let pods = try pod.map { [try Self.pod($0)] } ?? []
            let fate = BuilderFate(job: try Self.job(status), pods: pods, try Self.names())
            guard case .stuck(let obstacle) = fate else {
                Issue.record("\(fate)")
                continue
            }
            #expect(obstacle.kind == .unexplained && obstacle.sentence.contains(word))
        }
    }

    static let obstacles: [(String?, BuilderFate.Obstacle.Kind, [String])] = [
        (nil, .noPod, ["no pod"]),
        (
            waiting("ErrImagePull", "manifest unknown"), .image,
            ["manifest unknown", "IMAGE_PULL_SECRET_NAME", "r.example/vm:1"]
        ),
        (waiting("ImagePullBackOff"), .image, ["ImagePullBackOff", "BUILDER_VM_CONTAINER_IMAGE"]),
        (
            waiting("CreateContainerConfigError", "secret not found"), .container,
            ["CreateContainerConfigError", "secret not found"]
        ),
        (
            #"{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes are available: 3 Insufficient memory."}]}"#,
            .unschedulable(nodesAreFull: true), ["Insufficient memory", "=metal"]
        ),
        (
            #"{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes are available: 3 node(s) didn't match node selector."}]}"#,
            .unschedulable(nodesAreFull: false), ["Unschedulable", "node selector"]
        ),
    ]

    @Test("what keeps a builder from starting is told apart", arguments: obstacles)
    func stuck(_ pod: String?, _ kind: BuilderFate.Obstacle.Kind, _ words: [String]) throws {
        let fate = BuilderFate(
            job: try Self.job(), pods: try [pod].compactMap { try $0.map { try Self.pod($0) } }, try Self.names())
        guard case .stuck(let obstacle) = fate else {
            Issue.record("\(fate)")
            return
        }
        #expect(obstacle.kind == kind)
        for word in words { #expect(obstacle.sentence.contains(word), "\(obstacle.sentence)") }
    }

    static let fine = [
        #"{"phase":"Pending"}"#, waiting("ContainerCreating"), waiting("PodInitializing"),
        #"{"phase":"Running","containerStatuses":[{"state":{"running":{"startedAt":"2026-11-25T09:00:00Z"}}}]}"#,
        #"{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"True"}]}"#, "{}",
    ]

    @Test("a builder on its way is left alone", arguments: fine)
    func underWay(_ pod: String) throws {
        #expect(BuilderFate(job: try Self.job(), pods: [try Self.pod(pod)], try Self.names()) == .underWay)
    }

    @Test("a Job or pod on its way out, and a pod that was replaced, is over")
    func deleted() throws {
        let names = try Self.names()
        let fates = [
            BuilderFate(job: try Self.job(deleted: true), pods: [], names),
            BuilderFate(
                job: try Self.job(), pods: [try Self.pod("{}", uid: "a"), try Self.pod("{}", uid: "b")], names),
        ]
        let sentences = fates.map { if case .over(let sentence, _) = $0 { sentence } else { "-" } }
        #expect(sentences[0].contains("Job was deleted") && sentences[1].contains("replaced"))
        // Why, is often told a moment later.
        #expect(BuilderFate(job: try Self.job(), pods: [try Self.pod("{}", deleted: true)], names) == .podIsGone)
    }
}
