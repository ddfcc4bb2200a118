import Domain
import Foundation
import TestSupport
import Testing
import YAML

@testable import AWS
@testable import Buildman
@testable import RegistryCore

@Suite("Launch requests of EC2") struct LaunchRequestTests {
    /// What a test may say of the executor's keys.
    struct Keys {
        var image: String? = EC2Server.image
        var channel = "stable"
        var streams: String?
        var more = ""
    }

    /// The settings as they come from a configuration file.
    static func settings(_ change: (inout Keys) -> Void = { _ in }) -> EC2Settings {
        var keys = Keys()
        change(&keys)
        let text = """
            EC2_REGION: \(EC2Server.region)
            AWS_ACCESS_KEY: \(EC2Server.keys.id)
            AWS_SECRET_KEY: \(EC2Server.keys.secret)
            EC2_INSTANCE_TYPE: t3.medium
            COREOS_CHANNEL: \(keys.channel)
            \(keys.image.map { "COREOS_AMI: \($0)" } ?? "")
            \(keys.streams.map { "COREOS_STREAMS_URL: \($0)" } ?? "")
            \(keys.more)
            """
        guard let mapping = (try? YAMLParser.parse(text))?.mapping else {
            preconditionFailure("bad test YAML: \(text)")
        }
        return EC2Settings(SectionReader(mapping, collector: ProblemCollector()))
    }

    static func request(
        executor: String = "ec2", more: String = "", machine: BuilderMachine.Settings = BuilderMachineTests.settings
    ) throws -> LaunchRequest {
        LaunchRequest(
            settings: settings { $0.more = more }, machine: try BuilderMachine(machine),
            registry: "registry.example:5000", executor: executor, manager: "manager*?\n\u{e4}")
    }

    static let image = EC2Image(
        id: EC2Server.image, rootDevice: "/dev/xvda", architecture: "x86_64", state: "available")
    static let key = JobKey(buildUUID: "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f", attempt: 2)

    @Test("carry the configuration's keys") func keys() async throws {
        let plain = try await Self.request().launch(for: BuilderMachineTests.launch(), from: Self.image)
        #expect(plain.imageID == EC2Server.image && plain.instanceType == "t3.medium")
        #expect(plain.rootDevice == "/dev/xvda" && plain.diskGigabytes == 48)
        #expect(plain.network == .standard && plain.keyName == nil && plain.securityGroupIDs.isEmpty)
        #expect(try IgnitionDocument(String(decoding: plain.userData, as: UTF8.self)).files["/etc/hostname"] != nil)

        let full = try await Self.request(
            more: """
                EC2_KEY_NAME: somebody's key
                EC2_VPC_SUBNET_ID: subnet-1
                EC2_SECURITY_GROUP_IDS: [sg-1, sg-2]
                BLOCK_DEVICE_SIZE: 100
                """
        ).launch(for: BuilderMachineTests.launch(), from: Self.image)
        #expect(full.keyName == "somebody's key" && full.diskGigabytes == 100)
        #expect(full.network == .subnet("subnet-1", hasPublicAddress: true))
        #expect(full.securityGroupIDs == ["sg-1", "sg-2"])
        let inside = try await Self.request(more: "EC2_VPC_SUBNET_ID: subnet-1\nEC2_ASSOCIATE_PUBLIC_IP: false")
            .launch(for: BuilderMachineTests.launch(), from: Self.image)
        #expect(inside.network == .subnet("subnet-1", hasPublicAddress: false))
    }

    @Test("have a token of their own for each attempt and executor, that EC2 takes") func tokens() async throws {
        func token(_ executor: String, _ attempt: Int) async throws -> String {
            let key = JobKey(buildUUID: Self.key.buildUUID, attempt: attempt)
            return try await Self.request(executor: executor).launch(
                for: BuilderMachineTests.launch(key: key), from: Self.image
            ).token
        }
        let one = try await token("ec2", 2)
        #expect(try await token("ec2", 2) == one && one.hasPrefix(Self.key.text))
        #expect(try await token("ec2", 3) != one)
        #expect(try await token("other", 2) != one)
        #expect(try await token("ec2", 1_000_000).utf8.count <= 64)
    }

    @Test("SEC-Secrets shown to readers: tags hold no token, and nothing that a filter would misread") func tags()
        async throws
    {
        let launch = try await Self.request(executor: "a*b").launch(
            for: BuilderMachineTests.launch(token: "eyJ.secret"), from: Self.image)
        #expect(launch.tags.keys.sorted() == ["Attempt", "BuildUUID", "Executor", "Manager", "Name", "Registry"])
        #expect(launch.tags["Manager"] == "manager____" && launch.tags["Executor"] == "a_b")
        #expect(launch.tags.values.allSatisfy { !$0.contains("secret") })
        #expect(launch.userData.count > 0 && !launch.token.contains("secret"))
    }

    @Test("know their own instances by their tags, and no others") func ownership() throws {
        let request = try Self.request()
        func key(_ change: (inout [String: String]) -> Void) -> JobKey? {
            var tags = request.tags(of: Self.key)
            change(&tags)
            return request.key(
                of: EC2Instance(id: "i-1", state: .running, reason: "", launchedAt: .distantPast, tags: tags))
        }
        #expect(key { _ in } == Self.key)
        #expect(key { $0["Registry"] = "another" } == nil)
        #expect(key { $0["Executor"] = "another" } == nil)
        #expect(key { $0["BuildUUID"] = nil } == nil)
        #expect(key { $0["Attempt"] = "x" } == nil)
    }
}
