import BuildProtocol
import Domain
import Foundation
import GRPCCore
import Logging
import Runtime
import TestSupport
import Testing
import WebRequests

@testable import BuilderAgent

/// A build package behind HTTP, a folder for workspaces, and sessions between them.
struct Farm: Sendable {
    let folder: TemporaryFolder
    private let files: ChildProcess
    private let port: Int

    init(dockerfile: String) async throws {
        folder = try TemporaryFolder()
        for name in ["files", "work"] {
            try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
        }
        try folder.write(dockerfile, to: "files/Dockerfile.txt")
        // Proves that a server is this farm's: another one may have been faster with the port.
        let proof = Identifiers.system.uuid()
        try folder.write("", to: "files/\(proof)")
        (files, port) = try await Self.serve(folder.path("files"), proof: proof)
    }

    func script(package: String = "Dockerfile.txt") -> FakeManager.Script {
        var script = FakeManager.Script()
        script.pack.jobJwt = "job"
        script.pack.buildID = "b1"
        script.pack.attempt = 1
        script.pack.packageURL = "http://127.0.0.1:\(port)/\(package)"
        script.pack.packageURLTrusted = true
        script.pack.registry = "registry.example:5000"
        script.pack.repository = "ns/app"
        script.pack.pushToken = "push"
        script.pack.tagNames = ["v1", "latest"]
        return script
    }

    /// What is left in the folder for workspaces.
    func leftovers() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path("work")) }

    /// One session against `manager`, from dialling to its end.
    func run(_ manager: FakeManager, _ runtime: any ContainerRuntime) async throws -> BuildSession.Ending {
        try await manager.serve { try await session(port: $0, runtime) }
    }

    func session(
        port: Int, _ runtime: any ContainerRuntime, over security: AgentConfiguration.Transport = .plainText,
        patience change: @Sendable (inout ManagerConnection.Patience) -> Void = { _ in }
    ) async throws -> BuildSession.Ending {
        let transport = try ManagerTransport.make(.init(host: "127.0.0.1", port: port), security)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let quiet = logger
        let work = folder.path("work")
        var patience = ManagerConnection.Patience()
        patience.pause = .milliseconds(20)
        patience.heartbeat = .milliseconds(20)
        change(&patience)
        let chosen = patience
        return try await withGRPCClient(transport: transport) { client in
            let connection = ManagerConnection(
                stub: BuildmanPb_BuildManager.Client(wrapping: client), patience: chosen, clock: .system,
                logger: quiet)
            let session = BuildSession(
                manager: connection, token: BuildSecret("registration"),
                environment: AgentConfiguration.childEnvironment(
                    ProcessInfo.processInfo.environment, home: work, temporary: work),
                temporary: work, runner: CommandRunner(), logger: quiet, makeRuntime: { _, _, _ in runtime })
            return await session.run()
        }
    }

    private static func serve(_ path: String, proof: String) async throws -> (ChildProcess, Int) {
        let client = WebClient(addresses: .any)
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let port = try FreePort.find()
            let server = try ChildProcess("busybox", ["httpd", "-f", "-p", "127.0.0.1:\(port)", "-h", path])
            while server.exitCode == nil {
                try #require(ContinuousClock.now < deadline, "the file server does not start")
                do {
                    let answer = try await client.send(WebRequest(.get, "http://127.0.0.1:\(port)/\(proof)"))
                    guard answer.status == 200 else { break }
                    return (server, port)
                } catch is WebError { try await WallClock.system.sleep(for: .milliseconds(10)) }
            }
        }
    }
}
