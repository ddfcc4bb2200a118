import Foundation
import Runtime
import TestSupport
import Testing

@testable import AWS

/// Against moto behind a gate that checks signatures.
@Suite("EC2", .serialized) struct EC2ClientTests {
    static func client(
        _ address: String, secret: String = EC2Server.keys.secret, attempts: Int = 5
    ) throws -> EC2Client {
        try EC2Client(
            region: EC2Server.region, address: address,
            credentials: AWSCredentialSource(
                AWSCredentials(accessKeyID: EC2Server.keys.id, secretAccessKey: secret)),
            patience: Patience(attempts: attempts, firstPause: .milliseconds(2)))
    }

    static func launch(_ token: String) -> EC2Launch {
        var launch = EC2Launch(
            imageID: EC2Server.image, instanceType: "t3.medium", token: token, userData: Array("{}".utf8),
            rootDevice: "/dev/xvda", diskGigabytes: 48)
        launch.tags = ["Name": "a test's: ä & <b>", "Build": token]
        return launch
    }

    @Test("starts, finds and ends an instance") func life() async throws {
        let server = try await EC2Server.shared
        let client = try Self.client(server.url)
        let started = try await client.run(Self.launch("one"))
        #expect(started.state == .pending || started.state == .running)
        _ = try await client.run(Self.launch("two"))

        let found = try await client.instances(tagged: ["Build": "one", "Name": "a test's: ä & <b>"])
        #expect(found.map(\.id) == [started.id])
        #expect(found.first?.tags == ["Name": "a test's: ä & <b>", "Build": "one"])
        #expect(abs(found.first?.launchedAt.timeIntervalSinceNow ?? 999) < 60)
        #expect(try await client.instances(tagged: [:]).count >= 2)

        try await client.closeMetadata(of: started.id)
        #expect(try await client.terminate(started.id).isEnding)
        #expect(try await client.terminate(started.id).isEnding)
        let ended = try await client.instances(tagged: ["Build": "one"])
        #expect(ended.map(\.state) == [.terminated] && ended[0].reason.contains("User initiated shutdown"))
    }

    @Test("says what an image is, and that there is none") func images() async throws {
        let server = try await EC2Server.shared
        let client = try Self.client(server.url)
        let image = try await client.image(EC2Server.image)
        #expect(image?.rootDevice == "/dev/xvda" && image?.architecture == "x86_64" && image?.state == "available")
        #expect(try await client.image("ami-00000000") == nil)
    }

    @Test("a launch is sent again while EC2 is busy or silent, and starts one instance") func onceOnly() async throws {
        let server = try await EC2Server.shared
        let client = try Self.client(server.url)
        for code in ["RequestLimitExceeded", "Unavailable", "InternalError"] {
            try await server.fail(3, code: code, action: "RunInstances", isPerformed: true)
            let started = try await client.run(Self.launch(code))
            #expect(try await client.instances(tagged: ["Build": code]).map(\.id) == [started.id])
        }
        try await server.loseAnswer()
        let started = try await client.run(Self.launch("lost"))
        #expect(try await client.instances(tagged: ["Build": "lost"]).map(\.id) == [started.id])
    }

    @Test("another launch with the same token is refused by its name") func tokenIsUsed() async throws {
        let server = try await EC2Server.shared
        let client = try Self.client(server.url)
        _ = try await client.run(Self.launch("same"))
        var other = Self.launch("same")
        other.userData = Array("other".utf8)
        let error = await #expect(throws: EC2Error.self) { try await client.run(other) }
        #expect(error?.kind == .tokenUsed && error?.code == "IdempotentParameterMismatch")
    }

    @Test("gives up in the end, with EC2's own words") func givesUp() async throws {
        let server = try await EC2Server.shared
        let client = try Self.client(server.url, attempts: 3)
        let before = try await server.calls("DescribeInstances").count
        try await server.fail(3, code: "RequestLimitExceeded", status: 503)
        let error = await #expect(throws: EC2Error.self) { try await client.instances(tagged: [:]) }
        #expect(error?.kind == .unavailable)
        #expect(error?.message.contains("RequestLimitExceeded (503), “as told”") == true)
        #expect(try await server.calls("DescribeInstances").count == before + 3)
    }

    @Test(
        "does not ask again where the answer stays the same",
        arguments: [
            ("UnauthorizedOperation", 403, EC2Error.Kind.denied), ("AuthFailure", 401, .denied),
            ("InsufficientInstanceCapacity", 500, .noCapacity), ("VcpuLimitExceeded", 400, .noCapacity),
            ("InvalidSubnetID.NotFound", 400, .notFound), ("InvalidParameterValue", 400, .failed),
        ])
    func refusals(_ code: String, _ status: Int, _ kind: EC2Error.Kind) async throws {
        let server = try await EC2Server.shared
        try await server.fail(1, code: code, status: status)
        let error = await #expect(throws: EC2Error.self) {
            try await Self.client(server.url).run(Self.launch(code))
        }
        #expect(error?.kind == kind && error?.code == code)
        #expect(try await server.calls("RunInstances").count { $0["ClientToken"] == code } == 1)
    }

    @Test("a wrong secret, and a server that is none, are said so") func strangers() async throws {
        let server = try await EC2Server()
        let wrong = await #expect(throws: EC2Error.self) {
            try await Self.client(server.url, secret: "wrong").instances(tagged: [:])
        }
        #expect(wrong?.kind == .denied && wrong?.message.contains("wrong") == false)
        let page = await #expect(throws: EC2Error.self) {
            try await Self.client(server.streams + "/stable.json", attempts: 1).instances(tagged: [:])
        }
        #expect(page?.message.contains("what answered is not EC2") == true)
        try await server.kill()
        let gone = await #expect(throws: EC2Error.self) {
            try await Self.client(server.url, attempts: 2).instances(tagged: [:])
        }
        #expect(gone?.kind == .unavailable)
        #expect(throws: EC2Error.self) { try Self.client("ftp://x") }
    }

    @Test("asks for an instance that ends with its shutdown, and whose metadata needs a session") func parameters() {
        var launch = Self.launch("t")
        launch.keyName = "key"
        launch.securityGroupIDs = ["sg-1", "sg-2"]
        let plain = EC2Client.parameters(of: launch)
        #expect(plain["InstanceInitiatedShutdownBehavior"] == "terminate")
        #expect(plain["MetadataOptions.HttpTokens"] == "required")
        #expect(plain["MetadataOptions.HttpPutResponseHopLimit"] == "1")
        #expect(plain["MinCount"] == "1" && plain["MaxCount"] == "1" && plain["ClientToken"] == "t")
        #expect(plain["BlockDeviceMapping.1.Ebs.DeleteOnTermination"] == "true")
        #expect(plain["KeyName"] == "key" && plain["UserData"] == "e30=")
        #expect(plain["SecurityGroupId.1"] == "sg-1" && plain["SecurityGroupId.2"] == "sg-2")
        #expect(plain["TagSpecification.2.ResourceType"] == "volume")
        #expect(plain["TagSpecification.2.Tag.1.Key"] == "Build" && plain["TagSpecification.2.Tag.1.Value"] == "t")

        launch.network = .subnet("subnet-1", hasPublicAddress: false)
        let inSubnet = EC2Client.parameters(of: launch)
        #expect(inSubnet["NetworkInterface.1.SubnetId"] == "subnet-1")
        #expect(inSubnet["NetworkInterface.1.AssociatePublicIpAddress"] == "false")
        #expect(inSubnet["NetworkInterface.1.SecurityGroupId.2"] == "sg-2" && inSubnet["SecurityGroupId.1"] == nil)
    }
}
