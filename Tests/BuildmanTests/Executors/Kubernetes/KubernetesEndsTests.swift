import Domain
import Foundation
import RegistryCore
import Runtime
import TestSupport
import Testing

@testable import Buildman

/// Builders that end, or never begin: told within seconds, in words for a person.
@Suite("Kubernetes builders that end") struct KubernetesEndsTests {
    static let key = KubernetesCase.key

    @Test("a pod that ended badly", arguments: [("OOMKilled", 137, "OOMKilled"), ("Error", 2, "exited with code 2")])
    func podFailed(_ reason: String, _ code: Int, _ word: String) async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        try await fixture.server.pod(
            of: Self.key.text, status: BuilderFateTests.terminated(reason, code, "kernel panic"))
        let end = try await fixture.nextEnd()
        #expect(end.key == Self.key && end.how.contains(word))
        #expect(fixture.log.lines.contains { $0.contains("printed=kernel panic") })
    }

    @Test("an eviction, and a Job that took too long")
    func evictedAndLate() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        try await fixture.server.pod(
            of: Self.key.text, status: #"{"phase":"Failed","reason":"Evicted","message":"low on memory"}"#)
        #expect(try await fixture.nextEnd().how.contains("(Evicted): low on memory"))

        let late = try await KubernetesFixture()
        try await late.launch()
        try await late.server.order(
            #"{"do":"finish","job":"\#(Self.key)","type":"Failed","reason":"DeadlineExceeded","message":"m"}"#)
        #expect(try await late.nextEnd().how.contains("MAXIMUM_JOB_TIME"))
    }

    @Test("a Job, or a pod, that somebody deleted")
    func deleted() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        try await fixture.server.order(#"{"do":"delete","plural":"jobs","name":"\#(Self.key)"}"#)
        #expect(try await fixture.nextEnd().how.contains("its Job was deleted"))

        let other = try await KubernetesFixture()
        try await other.launch()
        try await other.until("the pod is seen") { await !other.executor.table.pods(of: Self.key).isEmpty }
        // Its Job gets another pod at once.
        try await other.server.order(#"{"do":"delete","plural":"pods","job":"\#(Self.key)"}"#)
        let how = try await other.nextEnd().how
        #expect(how.contains("its pod was"), "\(how)")
    }

    @Test("a Job that vanished while the watch was cut")
    func vanished() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        try await fixture.server.order(#"{"do":"fault","count":6,"containing":"watch=true","drop":"before"}"#)
        try await fixture.server.order(#"{"do":"cut"}"#)
        try await fixture.server.order(#"{"do":"delete","plural":"jobs","name":"\#(Self.key)"}"#)
        try await fixture.server.order(#"{"do":"compact"}"#)
        #expect(try await fixture.nextEnd().how.contains("its Job was deleted"))
    }

    /// The kubelet's word, the event beside it, and what the sentence must name.
    static let images =
        [
            (
                BuilderFateTests.waiting("ErrImagePull", "rpc error: manifest for r.example/vm:1 not found"), nil,
                "not found"
            ),
            (
                BuilderFateTests.waiting("ImagePullBackOff", "Back-off pulling image"),
                "Failed to pull image: pull access denied", "pull access denied"
            ),
            (BuilderFateTests.waiting("InvalidImageName", "couldn't parse image"), nil, "couldn't parse image"),
            (BuilderFateTests.waiting("ErrImagePull", "dial tcp: i/o timeout"), nil, "i/o timeout"),
        ] as [(String, String?, String)]

    @Test("an image that can't be pulled is known long before SETUP_TIME", arguments: images)
    func image(_ status: String, _ event: String?, _ word: String) async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        if let event {
            try await fixture.server.order(
                #"{"do":"event","job":"\#(Self.key)","reason":"Failed","message":"\#(event)"}"#)
        }
        try await fixture.server.pod(of: Self.key.text, status: status)
        let end = try await fixture.nextEnd(within: .seconds(5))
        #expect(end.how.contains(word) && end.how.contains("BUILDER_VM_CONTAINER_IMAGE"), "\(end.how)")
    }

    @Test("a pull that succeeds the second time ends nothing")
    func secondPull() async throws {
        var timing = KubernetesFixture.quick
        timing.retries = .seconds(2)
        let fixture = try await KubernetesFixture(timing: timing)
        try await fixture.launch()
        try await fixture.server.pod(
            of: Self.key.text, status: BuilderFateTests.waiting("ErrImagePull", "dial tcp: i/o timeout"))
        try await fixture.until("it is said") { fixture.log.lines.contains { $0.contains("does not start") } }
        try await fixture.server.pod(of: Self.key.text, status: #"{"phase":"Running"}"#)
        try await fixture.until("it is forgotten") { await fixture.executor.watched[Self.key]?.obstacle == nil }
        try await fixture.server.pod(of: Self.key.text, status: BuilderFateTests.terminated("Error", 4))
        // The first end that is told is the real one.
        #expect(try await fixture.nextEnd().how.contains("code 4"))
    }

    @Test("a pod that no node takes is said at once, and ended when waiting does not help")
    func unschedulable() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        try await fixture.server.pod(
            of: Self.key.text,
            status:
                #"{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes are available: 3 node(s) didn't match node selector."}]}"#
        )
        let end = try await fixture.nextEnd()
        #expect(end.how.contains("Unschedulable") && end.how.contains("didn't match node selector"))
        #expect(fixture.log.lines.contains { $0.contains("does not start") && $0.contains("Unschedulable") })
    }

    @Test("full nodes, and a cluster that grows, get nearly the whole time to register", arguments: [true, false])
    func nodesMayCome(grows: Bool) async throws {
        let fixture = try await KubernetesFixture(setupTime: .seconds(2))
        try await fixture.launch()
        if grows {
            try await fixture.server.order(
                #"{"do":"event","job":"\#(Self.key)","reason":"TriggeredScaleUp","message":"pod triggered scale-up","type":"Normal"}"#
            )
        }
        let message = grows ? "0/3 nodes match" : "0/3 nodes are available: 3 Insufficient memory."
        let begun = ContinuousClock.now
        try await fixture.server.pod(
            of: Self.key.text,
            status:
                #"{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"\#(message)"}]}"#
        )
        #expect(try await fixture.nextEnd().how.contains(message))
        let took = ContinuousClock.now - begun
        #expect(took > .seconds(1.5), "\(took)")
    }

    @Test("a Job that may have no pod says why")
    func noPod() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.server.order(
            #"{"do":"settings","failed_create":"Error creating: pods is forbidden: exceeded quota: small"}"#)
        try await fixture.launch()
        let end = try await fixture.nextEnd(within: .seconds(5))
        #expect(end.how.contains("its Job got no pod") && end.how.contains("exceeded quota: small"), "\(end.how)")
    }

    @Test("without the right to read events, the sentence is only poorer")
    func noEvents() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.server.order(#"{"do":"deny","verb":"list","resource":"events"}"#)
        try await fixture.launch()
        try await fixture.server.pod(of: Self.key.text, status: BuilderFateTests.waiting("ImagePullBackOff"))
        #expect(try await fixture.nextEnd().how.contains("ImagePullBackOff"))
    }

    @Test("each end is told once")
    func once() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        try await fixture.server.pod(of: Self.key.text, status: BuilderFateTests.terminated("Error", 1))
        _ = try await fixture.nextEnd()
        try await fixture.server.order(#"{"do":"delete","plural":"jobs","name":"\#(Self.key)"}"#)
        try await fixture.until("the Job is gone") { await fixture.executor.table.jobs[Self.key] == nil }
        #expect(fixture.log.lines.count { $0.contains("a builder ended") } == 1)
    }
}
