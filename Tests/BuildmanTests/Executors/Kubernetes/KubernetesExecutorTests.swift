import Domain
import Foundation
import RegistryCore
import Runtime
import TestSupport
import Testing

@testable import Buildman

@Suite("Kubernetes executor") struct KubernetesExecutorTests {
    static let key = KubernetesCase.key
    static let second = JobKey(buildUUID: KubernetesCase.uuid, attempt: 2)

    @Test("starts a Job with its Secret, once, however often it is asked")
    func start() async throws {
        let fixture = try await KubernetesFixture()
        #expect(try await fixture.launch() == Self.key.text)
        #expect(try await fixture.executor.start(KubernetesCase.launch) == Self.key.text)
        let objects = try await fixture.server.objects()
        #expect(objects.count == 3 && objects.filter { $0.hasPrefix("Pod \(Self.key)-") }.count == 1, "\(objects)")
        #expect(objects.contains("Job \(Self.key)") && objects.contains("Secret \(Self.key)"))
        let created = try await fixture.server.requests().filter { $0.method == "POST" }
        #expect(
            created.map(\.path) == [
                "/apis/batch/v1/namespaces/builder/jobs", "/api/v1/namespaces/builder/secrets",
                "/apis/batch/v1/namespaces/builder/jobs", "/api/v1/namespaces/builder/secrets",
            ])
        #expect(created.map(\.status) == [201, 201, 409, 409])
        #expect(created.allSatisfy { $0.authorization == "Bearer \(KubernetesServer.token)" })
        #expect(created.filter { $0.path.hasSuffix("/jobs") }.allSatisfy { !$0.body.contains("machine's secrets") })
        #expect(await fixture.executor.keptBuilders() == 0)
    }

    @Test("kubernetesPodman: the strict cluster takes the agent's Job too")
    func agent() async throws {
        let fixture = try await KubernetesFixture(nil, "HTTP_PROXY: \"http://p:1\"", kind: "kubernetesPodman")
        try await fixture.launch()
        #expect(try await fixture.server.objects().count == 3)
        await fixture.executor.stop(Self.key)
        #expect(try await fixture.server.objects().isEmpty)
    }

    @Test("SEC-Secrets shown to readers: nothing that is logged or said names a token")
    func silent() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        try await fixture.server.pod(of: Self.key.text, status: BuilderFateTests.terminated("Error", 1))
        let end = try await fixture.nextEnd()
        await fixture.executor.stop(Self.key)
        for secret in [KubernetesServer.token, KubernetesCase.launch.registrationToken, "machine's secrets"] {
            #expect(!fixture.log.lines.joined().contains(secret) && !end.how.contains(secret))
        }
    }

    @Test("what can't be made leaves nothing behind")
    func failedStart() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.server.order(#"{"do":"deny","verb":"create","resource":"secrets"}"#)
        let failure = await #expect(throws: ExecutorFailure.self) {
            try await fixture.executor.start(KubernetesCase.launch)
        }
        #expect(failure?.description.contains("verb \"create\" on secrets") == true)
        try await fixture.until("nothing is left") { try await fixture.server.objects().isEmpty }
        #expect(await fixture.executor.watched.isEmpty)
    }

    @Test("an answer that got lost leaves nothing behind, and no second builder", arguments: ["before", "after"])
    func lostAnswer(when: String) async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.server.order(
            #"{"do":"fault","count":1,"method":"POST","containing":"/jobs","drop":"\#(when)"}"#)
        await #expect(throws: ExecutorFailure.self) { try await fixture.executor.start(KubernetesCase.launch) }
        // The launcher asks the next executor now: nothing may start here.
        try await fixture.until("nothing is left") { try await fixture.server.objects().isEmpty }
        try await fixture.launch(Self.second)
        #expect(try await fixture.server.objects().count == 3)
    }

    @Test("after a start that failed, a stop does not wait for an API that is not there")
    func stopAfterFailure() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.server.kill()
        await #expect(throws: ExecutorFailure.self) { try await fixture.executor.start(KubernetesCase.launch) }
        let begun = ContinuousClock.now
        await fixture.executor.stop(Self.key)
        #expect(ContinuousClock.now - begun < .seconds(1))
    }

    @Test("a document that can't be written starts nothing")
    func badDocument() async throws {
        let fixture = try await KubernetesFixture(document: { _ in throw ExecutorFailure("no authority") })
        let failure = await #expect(throws: ExecutorFailure.self) {
            try await fixture.executor.start(KubernetesCase.launch)
        }
        #expect(failure?.description == "no authority")
        #expect(try await fixture.server.requests().filter { $0.method == "POST" }.isEmpty)
    }

    @Test("SEC-Cross-tenant object use (IDOR): a Job of that name that is not ours is neither used nor touched")
    func foreignJob() async throws {
        let server = try await KubernetesServer()
        let other = try await KubernetesFixture(server, identity: "another.installation")
        try await other.launch()
        let fixture = try await KubernetesFixture(server)
        let failure = await #expect(throws: ExecutorFailure.self) {
            try await fixture.executor.start(KubernetesCase.launch)
        }
        #expect(failure?.description.contains("leaves alone") == true)
        await fixture.executor.stop(Self.key)
        await fixture.executor.reap(keeping: [])
        #expect(try await server.objects().count == 3)
    }

    @Test("stop ends Secret, Job and pods, returns when no pod is left, and is harmless again and for the unknown")
    func stop() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.server.order(#"{"do":"settings","terminating":0.5}"#)
        try await fixture.launch()
        try await fixture.server.pod(of: Self.key.text, status: #"{"phase":"Running"}"#, node: "node-1")
        await fixture.executor.stop(Self.key)
        #expect(try await fixture.server.objects().isEmpty)
        await fixture.executor.stop(Self.key)
        await fixture.executor.stop(JobKey(buildUUID: "00000000-0000-0000-0000-000000000000", attempt: 9))
        let deletions = try await fixture.server.requests().filter { $0.method == "DELETE" }
        #expect(deletions.contains { $0.path.hasSuffix("/jobs/\(Self.key)") && $0.body.contains("Background") })
        let pods = deletions.first { $0.path.hasSuffix("/pods") }
        #expect(pods?.query["labelSelector"]?.contains("job-name=\(Self.key)") == true)
        // Nobody is told of an end that was asked for.
        #expect(!fixture.log.lines.contains { $0.contains("a builder ended") })
    }

    @Test("a pod that does not end is given up in time, said, and asked for again")
    func stuckPod() async throws {
        var timing = KubernetesFixture.quick
        timing.stop = .seconds(1)
        let fixture = try await KubernetesFixture(timing: timing)
        try await fixture.server.order(#"{"do":"settings","terminating":"never"}"#)
        try await fixture.launch()
        try await fixture.server.pod(of: Self.key.text, status: #"{"phase":"Running"}"#, node: "dead-node")
        let begun = ContinuousClock.now
        await fixture.executor.stop(Self.key)
        #expect(ContinuousClock.now - begun < .seconds(4))
        #expect(fixture.log.lines.contains { $0.contains("does not end") })
        try await fixture.server.order(#"{"do":"settings","terminating":0}"#)
        await fixture.executor.reap(keeping: [])
        try await fixture.until("it is gone") {
            await fixture.executor.reap(keeping: [])
            return try await fixture.server.objects().isEmpty
        }
    }

    @Test("a stop that could not reach the API is made good with the next look for leftovers")
    func unreachableStop() async throws {
        var timing = KubernetesFixture.quick
        timing.stop = .milliseconds(300)
        let fixture = try await KubernetesFixture(timing: timing)
        try await fixture.launch()
        try await fixture.server.order(#"{"do":"fault","count":100,"method":"DELETE","status":503}"#)
        await fixture.executor.stop(Self.key)
        #expect(fixture.log.lines.contains { $0.contains("can't be ended") })
        #expect(try await fixture.server.objects().count == 3)
        try await fixture.server.order(#"{"do":"calm"}"#)
        await fixture.executor.reap(keeping: [])
        try await fixture.until("it is gone") { try await fixture.server.objects().isEmpty }
    }

    @Test("an attempt that is stopped while it is being started leaves nothing behind")
    func stoppedWhileStarting() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.server.order(
            #"{"do":"fault","count":1,"method":"POST","containing":"/secrets","delay":0.5}"#)
        let starting = Task { try await fixture.executor.start(KubernetesCase.launch) }
        try await fixture.until("the Job is there") { try await fixture.server.objects().contains("Job \(Self.key)") }
        await fixture.executor.stop(Self.key)
        await #expect(throws: ExecutorFailure.self) { try await starting.value }
        try await fixture.until("nothing is left") { try await fixture.server.objects().isEmpty }
    }

    @Test("reap ends what no live attempt has, of any manager, and keeps what is live or somebody else's")
    func reap() async throws {
        let server = try await KubernetesServer()
        let before = try await KubernetesFixture(server)
        try await before.launch()
        try await before.launch(Self.second)
        let third = JobKey(buildUUID: KubernetesCase.uuid, attempt: 3)
        try await KubernetesFixture(server, name: "second-executor").launch(third)
        try await KubernetesFixture(server, identity: "other").launch(
            JobKey(buildUUID: KubernetesCase.uuid, attempt: 4))

        let fixture = try await KubernetesFixture(server)
        await fixture.executor.reap(keeping: [Self.second, third])
        try await fixture.until("the first is gone") {
            try await server.objects().filter { $0.hasPrefix("Job") }
                == [2, 3, 4].map { "Job \(KubernetesCase.uuid)-\($0)" }
        }
        #expect(fixture.log.lines.contains { $0.contains("what was left of a build") && $0.contains("\(Self.key)") })
        // What is live is watched from now on.
        try await server.pod(of: Self.second.text, status: BuilderFateTests.terminated("Error", 5))
        let end = try await fixture.nextEnd()
        #expect(end.key == Self.second && end.how.contains("code 5"))
    }

    @Test("an end that happened while no manager looked is told by the first look")
    func lateEnd() async throws {
        let server = try await KubernetesServer()
        try await KubernetesFixture(server).launch()
        try await server.pod(of: Self.key.text, status: BuilderFateTests.terminated("OOMKilled", 137))
        let fixture = try await KubernetesFixture(server)
        await fixture.executor.reap(keeping: [Self.key])
        #expect(try await fixture.nextEnd().how.contains("OOMKilled"))
    }

    @Test("a look for leftovers does not wait for an API that is not there")
    func reapWithoutAPI() async throws {
        let server = try await KubernetesServer()
        try await server.kill()
        var timing = KubernetesFixture.quick
        timing.firstList = .milliseconds(200)
        let fixture = try await KubernetesFixture(server, timing: timing)
        let begun = ContinuousClock.now
        await fixture.executor.reap(keeping: [])
        #expect(ContinuousClock.now - begun < .seconds(3))
        try await fixture.until("it is said") { fixture.log.lines.contains { $0.contains("can't be reached") } }
    }

    @Test("once a builder has registered, its Secret goes")
    func registered() async throws {
        let fixture = try await KubernetesFixture()
        try await fixture.launch()
        await fixture.executor.builderHasRegistered(Self.key)
        #expect(try await fixture.server.objects().filter { $0.hasPrefix("Secret") }.isEmpty)
        await fixture.executor.builderHasRegistered(Self.key)
        #expect(try await fixture.server.objects().count == 2)
    }

    @Test("DEBUG keeps Job and pod, counts them until they end, and says how to look into them")
    func debug() async throws {
        let server = try await KubernetesServer()
        let fixture = try await KubernetesFixture(server, "DEBUG: true")
        try await fixture.launch()
        try await fixture.launch(Self.second)
        await fixture.executor.stop(Self.key)
        let objects = try await server.objects()
        #expect(objects.contains("Job \(Self.key)") && !objects.contains("Secret \(Self.key)"))
        #expect(await fixture.executor.keptBuilders() == 1)
        let line = fixture.log.lines.first { $0.contains("DEBUG is set") } ?? ""
        #expect(line.contains("kubectl -n builder port-forward \(Self.key)-") && line.contains("9999:2222"))
        #expect(line.contains("ssh -p 9999 core@localhost") && line.contains("delete job \(Self.key)"))

        // A later process of the program keeps and counts it as well.
        let later = try await KubernetesFixture(server, "DEBUG: true")
        await later.executor.reap(keeping: [Self.second])
        #expect(await later.executor.keptBuilders() == 1)
        #expect(try await server.objects().contains("Job \(Self.key)"))

        try await server.order(#"{"do":"delete","plural":"jobs","name":"\#(Self.key)"}"#)
        try await fixture.until("nobody counts it") {
            let counts = await [fixture.executor.keptBuilders(), later.executor.keptBuilders()]
            return counts == [0, 0]
        }
    }
}
