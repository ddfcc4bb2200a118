import AWS
import Domain
import Foundation
import Logging
import Runtime
import TestSupport
import Testing

@testable import Buildman
@testable import RegistryCore

/// Against moto's EC2 behind a strict gate: nothing boots, everything else is real.
@Suite("EC2 executor", .serialized) struct EC2ExecutorTests {
    /// An executor of a registry of its own, whose clock can be put forward.
    struct Fixture {
        let server: EC2Server
        let client: EC2Client
        let request: LaunchRequest
        let ahead = Box<TimeInterval>(0)
        let registry: String
        let clock: WallClock
        let settings: EC2Settings

        init(channel: String? = nil) async throws {
            let server = try await EC2Server.shared
            self.server = server
            let registry = "registry-\(Identifiers.system.uuid()).test:5000"
            self.registry = registry
            let ahead = self.ahead
            clock = WallClock(
                now: { WallClock.system.now + ahead.value }, sleep: { try await WallClock.system.sleep(for: $0) })
            let settings = LaunchRequestTests.settings {
                $0.image = channel == nil ? EC2Server.image : nil
                $0.channel = channel ?? "stable"
                $0.streams = server.streams
            }
            self.settings = settings
            client = try EC2Client(
                region: settings.region, address: server.url,
                credentials: AWSCredentialSource(
                    AWSCredentials(accessKeyID: EC2Server.keys.id, secretAccessKey: EC2Server.keys.secret)),
                patience: Patience(attempts: 2, firstPause: .milliseconds(1)))
            request = LaunchRequest(
                settings: settings, machine: try BuilderMachine(BuilderMachineTests.settings), registry: registry,
                executor: "ec2", manager: "here:1")
        }

        func executor(keepsBuilders: Bool = false, invisibleTime: TimeInterval = 300) -> EC2Executor {
            let logger = Logger(label: "test")
            return EC2Executor(
                .init(
                    profile: ExecutorProfile(name: "ec2", server: "buildman.test:443", stopsWithManager: false),
                    keepsBuilders: keepsBuilders, pollPeriod: .milliseconds(20), invisibleTime: invisibleTime),
                request: request, client: client,
                images: ImageLookup(settings, client: client, clock: clock, logger: logger), clock: clock,
                logger: logger)
        }

        func launch(_ key: JobKey, token: String = "eyJ.token") -> BuilderLaunch {
            BuilderLaunch(
                key: key, registrationToken: token, server: "buildman.test:443", isInsecure: false,
                registryHostname: registry)
        }

        /// What EC2 has of the registry's builders, in any state.
        func instances() async throws -> [EC2Instance] { try await client.instances(tagged: ["Registry": registry]) }

        func running() async throws -> [String] {
            try await instances().filter { !$0.state.isOver }.map(\.id)
        }
    }

    static func key(_ attempt: Int = 1) -> JobKey {
        JobKey(buildUUID: Identifiers.system.uuid(), attempt: attempt)
    }

    static func nextEnd(_ executor: EC2Executor) async throws -> BuilderEnd {
        for await end in executor.ends { return end }
        throw CancellationError()
    }

    /// Asks again until it is so: what EC2 shows follows what it was asked for.
    static func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<500 {
            if try await condition() { return true }
            try await WallClock.system.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test("starts one instance for an attempt, however often it is asked, and ends it") func life() async throws {
        let fixture = try await Fixture()
        let executor = fixture.executor()
        let key = Self.key(3)
        let id = try await executor.start(fixture.launch(key))
        #expect(try await executor.start(fixture.launch(key, token: "eyJ.other")) == id)
        let instance = try #require(try await fixture.instances().first)
        #expect(instance.id == id)
        #expect(
            instance.tags == [
                "Name": "Quay Ephemeral Builder", "BuildUUID": key.buildUUID, "Attempt": "3", "Manager": "here:1",
                "Registry": fixture.registry, "Executor": "ec2",
            ])
        await executor.stop(key)
        #expect(try await fixture.instances().allSatisfy(\.state.isEnding))
        await executor.stop(key)
        #expect(await executor.keptBuilders() == 0)
    }

    @Test("another manager that starts the same attempt gets the instance that runs") func sameAttemptTwice()
        async throws
    {
        let fixture = try await Fixture()
        let key = Self.key()
        let first = fixture.executor()
        let second = fixture.executor()
        let id = try await first.start(fixture.launch(key))
        #expect(try await second.start(fixture.launch(key, token: "eyJ.other")) == id)
        await second.stop(key)
        #expect(try await fixture.running().isEmpty)
    }

    @Test("finds the image by the stream, and its disk by the image") func stream() async throws {
        let fixture = try await Fixture(channel: "stable")
        let key = Self.key()
        _ = try await fixture.executor().start(fixture.launch(key))
        let call = try #require(
            try await fixture.server.calls("RunInstances").last { $0["ClientToken"]?.hasPrefix(key.text) == true })
        #expect(call["ImageId"] == EC2Server.image && call["BlockDeviceMapping.1.DeviceName"] == "/dev/xvda")

        let none = try await Fixture(channel: "nonesuch")
        let error = await #expect(throws: ExecutorFailure.self) {
            try await none.executor().start(none.launch(Self.key()))
        }
        #expect(error?.description.contains("COREOS_CHANNEL") == true)
    }

    @Test("tells the end of a builder that ended by itself, with EC2's reason") func ends() async throws {
        let fixture = try await Fixture()
        let executor = fixture.executor()
        let key = Self.key()
        let id = try await executor.start(fixture.launch(key))
        _ = try await fixture.client.terminate(id)
        let end = try await Self.nextEnd(executor)
        #expect(end.key == key)
        #expect(end.how.contains(id) && end.how.contains("User initiated shutdown"))
    }

    @Test("an instance that EC2 does not show yet is not gone") func invisible() async throws {
        let fixture = try await Fixture()
        let executor = fixture.executor()
        let (late, lost) = (Self.key(), Self.key())
        try await fixture.server.hideNew(for: 20)
        let id = try await executor.start(fixture.launch(late))
        // All looks that hide it are over when it is seen; nothing may have been told until then.
        #expect(try await Self.eventually { try await fixture.running() == [id] })
        _ = try await executor.start(fixture.launch(lost))
        _ = try await fixture.client.terminate(try await executor.start(fixture.launch(lost)))
        #expect(try await Self.nextEnd(executor).key == lost)

        // One that never shows up is gone in the end.
        let impatient = fixture.executor(invisibleTime: 0)
        let never = Self.key()
        try await fixture.server.hideNew(for: 1_000)
        let hidden = try await impatient.start(fixture.launch(never))
        let end = try await Self.nextEnd(impatient)
        try await fixture.server.hideNew(for: 0)
        #expect(end.key == never && end.how.contains("knows its instance \(hidden) no more"))
    }

    @Test("a launch whose answer is lost leaves nothing behind, and the build may go elsewhere") func lostLaunch()
        async throws
    {
        let fixture = try await Fixture()
        let executor = fixture.executor()
        try await fixture.server.fail(2, action: "RunInstances", isPerformed: true)
        await #expect(throws: ExecutorFailure.self) { try await executor.start(fixture.launch(Self.key())) }
        #expect(try await fixture.instances().count == 1)
        #expect(try await Self.eventually { try await fixture.running().isEmpty })
    }

    @Test("a refused launch says why, and nothing was started") func refused() async throws {
        let fixture = try await Fixture()
        try await fixture.server.fail(1, code: "InsufficientInstanceCapacity", status: 500, action: "RunInstances")
        let error = await #expect(throws: ExecutorFailure.self) {
            try await fixture.executor().start(fixture.launch(Self.key()))
        }
        #expect(error?.description.contains("InsufficientInstanceCapacity") == true)
        #expect(try await fixture.instances().isEmpty)
    }

    @Test("an end that EC2 refuses for now is asked for again") func endsLater() async throws {
        let fixture = try await Fixture()
        let executor = fixture.executor()
        let key = Self.key()
        _ = try await executor.start(fixture.launch(key))
        try await fixture.server.fail(2, code: "RequestLimitExceeded", action: "TerminateInstances")
        await executor.stop(key)
        #expect(try await Self.eventually { try await fixture.running().isEmpty })
    }

    @Test("ends what runs for attempts that aren't live, adopts the others, and spares foreign and young ones")
    func reaps() async throws {
        let fixture = try await Fixture()
        let other = try await Fixture()
        let (live, dead, young) = (Self.key(), Self.key(), Self.key())
        let before = fixture.executor()
        let kept = try await before.start(fixture.launch(live))
        _ = try await before.start(fixture.launch(dead))
        let foreign = try await other.executor().start(other.launch(dead))

        let executor = fixture.executor()
        // Their attempts may be newer than the list of those that live.
        await executor.reap(keeping: [live])
        #expect(try await fixture.running().count == 2)

        fixture.ahead.set(200)
        let fresh = try await executor.start(fixture.launch(young))
        await executor.reap(keeping: [live])
        #expect(try await Set(fixture.running()) == [kept, fresh])
        #expect(try await other.running() == [foreign])

        _ = try await fixture.client.terminate(kept)
        #expect(try await Self.nextEnd(executor).key == live)
        await executor.stop(young)
        await executor.reap(keeping: [])
        #expect(try await fixture.running().isEmpty)
    }

    @Test("with DEBUG it keeps builders and counts them, until they end") func keeps() async throws {
        let fixture = try await Fixture()
        let executor = fixture.executor(keepsBuilders: true)
        let (one, two) = (Self.key(), Self.key())
        let id = try await executor.start(fixture.launch(one))
        await executor.stop(one)
        #expect(try await fixture.running() == [id])
        #expect(await executor.keptBuilders() == 1)

        // A manager that comes back finds them again.
        let next = fixture.executor(keepsBuilders: true)
        let second = try await next.start(fixture.launch(two))
        fixture.ahead.set(200)
        await next.reap(keeping: [two])
        #expect(await next.keptBuilders() == 1)
        await next.reap(keeping: [])
        #expect(await next.keptBuilders() == 2)
        #expect(try await Set(fixture.running()) == [id, second])

        _ = try await fixture.client.terminate(id)
        #expect(try await Self.eventually { await next.keptBuilders() == 1 })
    }

    @Test("SEC-Build escape: the metadata of a machine, with all secrets in it, are closed once its agent is at work")
    func closesMetadata() async throws {
        let fixture = try await Fixture()
        let executor = fixture.executor()
        let key = Self.key()
        let id = try await executor.start(fixture.launch(key))
        func closings() async throws -> Int {
            try await fixture.server.calls("ModifyInstanceMetadataOptions").count {
                $0["InstanceId"] == id && $0["HttpEndpoint"] == "disabled"
            }
        }
        #expect(try await closings() == 0)
        await executor.builderHasRegistered(key)
        #expect(try await Self.eventually { try await closings() == 1 })

        // A manager that takes over does it again: it can't know.
        let next = fixture.executor()
        await next.builderHasRegistered(key)
        await next.reap(keeping: [key])
        #expect(try await Self.eventually { try await closings() == 2 })
    }

    @Test("EC2 out of reach is no end of any builder") func blindness() async throws {
        let fixture = try await Fixture()
        let executor = fixture.executor()
        let (lives, dies) = (Self.key(), Self.key())
        _ = try await executor.start(fixture.launch(lives))
        let id = try await executor.start(fixture.launch(dies))
        let before = try await fixture.server.calls("DescribeInstances").count
        try await fixture.server.fail(12, action: "DescribeInstances")
        #expect(
            try await Self.eventually { try await fixture.server.calls("DescribeInstances").count > before + 12 })
        await executor.reap(keeping: [])
        #expect(try await fixture.running().count == 2)
        _ = try await fixture.client.terminate(id)
        #expect(try await Self.nextEnd(executor).key == dies)
    }
}
