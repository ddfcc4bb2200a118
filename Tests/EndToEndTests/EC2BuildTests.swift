import Foundation
import TestSupport
import Testing
import WebRequests

/// Builds on EC2 but for the machine itself: the test reads the user data as the machine would, and starts the agent
/// with the environment that it finds in them.
@Suite("Builds on EC2", .serialized) struct EC2BuildTests {
    struct Machine {
        let id: String
        /// The lines of the environment file, with what this test's own machine needs for builds.
        let environment: [String: String]

        private struct Document: Decodable {
            struct Storage: Decodable { let files: [File] }
            struct File: Decodable {
                struct Contents: Decodable { let source: String }
                let path: String
                let contents: Contents
            }
            let storage: Storage
        }

        init(id: String, userData: String) throws {
            self.id = id
            let data = try #require(Data(base64Encoded: userData))
            let document = try JSONDecoder().decode(Document.self, from: data)
            let source = try #require(
                document.storage.files.first { $0.path == "/root/overrides.list" }?.contents.source)
            let encoded = source.drop { $0 != "," }.dropFirst()
            let text = try #require(
                source.hasPrefix("data:;base64,")
                    ? Data(base64Encoded: String(encoded)).map { String(decoding: $0, as: UTF8.self) }
                    : encoded.removingPercentEncoding)
            var environment = ["BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"]
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: "=", maxSplits: 1)
                environment[String(parts[0])] = String(parts[1])
            }
            self.environment = environment
        }

        /// Runs the agent to its end.
        func build(in folder: TemporaryFolder) async throws -> Int32 {
            let agent = try ChildProcess(
                "\(Programs.folder)/BuilderAgent",
                environment: environment.merging(["TMPDIR": folder.path]) { $1 }, directory: folder.path)
            return try await agent.exit(within: .seconds(120))
        }
    }

    static let executor = [
        "EC2_REGION": EC2Server.region, "AWS_ACCESS_KEY": EC2Server.keys.id,
        "AWS_SECRET_KEY": EC2Server.keys.secret, "EC2_INSTANCE_TYPE": "t3.medium", "QUAY_USERNAME": "robot",
        "QUAY_PASSWORD": "geheim", "WORKER_IMAGE": "registry.test/agent", "WORKER_TAG": "v1",
        "CONTAINER_RUNTIME": "buildah", "EC2_POLL_PERIOD": "0.1",
    ]

    /// The instance of the one launch that there was.
    static func machine(of farm: Farm, on server: EC2Server) async throws -> Machine {
        try await farm.eventually("an instance is started") {
            try await !server.instances(tagged: "Registry", farm.host).isEmpty
        }
        let launches = try await server.calls("RunInstances").filter { $0.values.contains(farm.host) }
        #expect(launches.count == 1)
        let id = try #require(try await server.instances(tagged: "Registry", farm.host).first?.id)
        return try Machine(id: id, userData: try #require(launches.first?["UserData"]))
    }

    @Test("a build runs on an instance that a manager left behind, and the instance ends with it")
    func buildsAcrossRestart() async throws {
        let server = try await EC2Server.shared
        let farm = try await Farm(
            .sqlite, kind: "ec2",
            executor: Self.executor.merging(["EC2_ENDPOINT": server.url, "COREOS_AMI": EC2Server.image]) { $1 })
        let token = try await farm.initialize()
        try await farm.createRepository("cloudy", token: token)
        let build = try await farm.build(
            "cloudy", files: ["Dockerfile": "FROM scratch\nCOPY hello /hello", "hello": "from a cloud"], token: token)
        let machine = try await Self.machine(of: farm, on: server)
        #expect(machine.environment["INSECURE"] == "true" && machine.environment["REGISTRY_HOSTNAME"] == farm.host)

        try await farm.eventually("the launch is written down") { farm.buildman.log.contains("build started") }
        try await farm.buildman.kill()
        try farm.buildman.start()
        try await farm.eventually("the job is taken over") { farm.buildman.log.contains("took over a running build") }
        #expect(try await server.instances(tagged: "Registry", farm.host).map(\.state) == ["running"])

        #expect(try await machine.build(in: TemporaryFolder()) == 0)
        #expect(try await farm.outcome(of: build, in: "cloudy", token: token) == "complete", "\(farm.buildman.log)")
        let root = try await farm.pull("admin/cloudy")
        #expect(try String(contentsOfFile: "\(root)/hello", encoding: .utf8) == "from a cloud")
        try await farm.eventually("the instance has ended") {
            try await server.instances(tagged: "Registry", farm.host).map(\.state) == ["terminated"]
        }
        #expect(try await server.calls("RunInstances").count { $0.values.contains(farm.host) } == 1)
        let secret = try #require(machine.environment["TOKEN"])
        #expect(!farm.buildman.log.contains("geheim") && !farm.buildman.log.contains(secret))
    }

    @Test("a cancelled build's instance ends within seconds") func cancels() async throws {
        let server = try await EC2Server.shared
        let farm = try await Farm(
            .sqlite, kind: "ec2",
            executor: Self.executor.merging(["EC2_ENDPOINT": server.url, "COREOS_AMI": EC2Server.image]) { $1 })
        let token = try await farm.initialize()
        try await farm.createRepository("gone", token: token)
        let build = try await farm.build("gone", files: ["Dockerfile": "FROM scratch"], token: token)
        _ = try await Self.machine(of: farm, on: server)
        _ = try await farm.call(.delete, "/api/v1/repository/admin/gone/build/\(build)", token: token)
        try await farm.eventually("the instance has ended", within: .seconds(20)) {
            try await server.instances(tagged: "Registry", farm.host).map(\.state) == ["terminated"]
        }
    }
}
