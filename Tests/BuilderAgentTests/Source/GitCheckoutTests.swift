import Domain
import Foundation
import Logging
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import BuilderAgent

/// Real git over a real sshd on the loopback.
@Suite("Git checkout") struct GitCheckoutTests {
    @Test("brings a commit by its short name, with submodules and links, over ssh with a deploy key")
    func overSSH() async throws {
        let host = try await GitHost()
        try await host.makeRepository("library", files: ["lib.txt": "library"])
        try await host.makeRepository("app", files: ["Dockerfile": "FROM scratch", "sub/file": "x"])
        try await host.git(["-C", host.work("app"), "submodule", "--quiet", "add", host.url("library"), "lib"])
        try FileManager.default.createSymbolicLink(
            atPath: host.work("app") + "/link", withDestinationPath: "sub/file")
        let commit = try await host.commitAll("app")
        try await host.commitAll("app", adding: ["later": "not in the build"])
        let source = host.source("app", commit: String(commit.prefix(7)), knownHosts: host.knownHosts)
        let checkout = try await host.checkOut(source)
        #expect(try host.folder.read("checkout/lib/lib.txt") == "library")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: checkout + "/link") == "sub/file")
        #expect(!FileManager.default.fileExists(atPath: checkout + "/later"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: host.secrets) == [])
    }

    @Test("trusts the first host key when none is known")
    func firstUse() async throws {
        let host = try await GitHost()
        try await host.makeRepository("app", files: ["a": "b"])
        let commit = try await host.head("app")
        try await host.checkOut(host.source("app", commit: commit, knownHosts: ""))
        #expect(try host.folder.read("checkout/a") == "b")
    }

    @Test("SEC-git clone: another host key than the known one is refused, and so is another deploy key")
    func wrongKeys() async throws {
        let host = try await GitHost()
        try await host.makeRepository("app", files: ["a": "b"])
        let commit = try await host.head("app")
        let other = host.knownHosts.replacing(host.hostKey, with: host.deployPublicKey)
        for source in [
            host.source("app", commit: commit, knownHosts: other),
            host.source("app", commit: commit, knownHosts: host.knownHosts, key: host.strangerKey),
        ] {
            let failure = await #expect(throws: BuildFailure.self) { try await host.checkOut(source) }
            #expect(failure?.code == .gitFailure)
        }
    }

    @Test("says which commit is missing, as a failed checkout")
    func missingCommit() async throws {
        let host = try await GitHost()
        try await host.makeRepository("app", files: ["a": "b"])
        let source = host.source("app", commit: String(repeating: "0", count: 40), knownHosts: host.knownHosts)
        let failure = await #expect(throws: BuildFailure.self) { try await host.checkOut(source) }
        #expect(failure?.code == .gitCheckout)
    }

    @Test("SEC-git clone: a submodule may not use a protocol that isn't on the list, nor run a hook")
    func hostileSubmodule() async throws {
        let host = try await GitHost()
        try await host.makeRepository("library", files: ["lib.txt": "library"])
        try await host.makeRepository("app", files: ["a": "b"])
        try await host.git([
            "-C", host.work("app"), "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
            host.folder.path("library"), "lib",
        ])
        let commit = try await host.commitAll("app")
        let source = host.source("app", commit: commit, knownHosts: host.knownHosts)
        let failure = await #expect(throws: BuildFailure.self) { try await host.checkOut(source) }
        #expect(failure?.code == .gitCheckout)
        #expect(!FileManager.default.fileExists(atPath: host.folder.path("checkout/lib/lib.txt")))
    }

    @Test("ends a git that is silent for too long")
    func silence() async throws {
        let command = Command("sleep", ["600"], environment: ["PATH": "/usr/bin:/bin"])
        await #expect(throws: CommandError.silent(program: "sleep", limit: .milliseconds(100))) {
            try await CommandRunner().run(command, limits: .init(idle: .milliseconds(100), total: nil))
        }
    }
}

/// Bare repositories behind an sshd that lets in one key.
struct GitHost {
    let folder: TemporaryFolder
    let knownHosts: String
    let hostKey: String
    let deployPublicKey: String
    let strangerKey: String
    private let deployKey: String
    private let port: Int
    private let server: ChildProcess
    private static let environment = [
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
    ]

    init() async throws {
        folder = try TemporaryFolder()
        for name in ["host", "deploy", "stranger"] {
            try await Self.run(
                "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder.path(name)])
        }
        hostKey = try folder.read("host.pub").trimmingCharacters(in: .whitespacesAndNewlines)
        deployPublicKey = try folder.read("deploy.pub").trimmingCharacters(in: .whitespacesAndNewlines)
        deployKey = try folder.read("deploy")
        strangerKey = try folder.read("stranger")
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: folder.path("secrets"), withIntermediateDirectories: true)
        (server, port) = try await Self.serve(folder)
        knownHosts = "[127.0.0.1]:\(port) \(hostKey)\n"
    }

    var secrets: String { folder.path("secrets") }
    func work(_ name: String) -> String { folder.path("\(name)-work") }
    func url(_ name: String) -> String { "ssh://\(NSUserName())@127.0.0.1:\(port)\(folder.path(name))" }

    func source(_ name: String, commit: String, knownHosts: String, key: String? = nil) -> BuildGitSource {
        BuildGitSource(
            url: url(name), commit: commit, ref: nil, privateKey: BuildSecret(key ?? deployKey),
            knownHosts: knownHosts)
    }

    @discardableResult
    func checkOut(_ source: BuildGitSource) async throws -> String {
        let checkout = GitCheckout(
            runner: CommandRunner(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let home = folder.path("home")
        try await checkout.perform(
            source, into: URL(fileURLWithPath: folder.path("checkout")), private: URL(fileURLWithPath: secrets),
            base: ["PATH": "/usr/bin:/bin", "HOME": home], log: BuildOutput { _ in })
        return folder.path("checkout")
    }

    func makeRepository(_ name: String, files: [String: String]) async throws {
        try await git(["init", "--quiet", "--bare", "--initial-branch", "main", folder.path(name)])
        try await git(["clone", "--quiet", folder.path(name), work(name)])
        try await commitAll(name, adding: files)
    }

    @discardableResult
    func commitAll(_ name: String, adding files: [String: String] = [:]) async throws -> String {
        for (path, text) in files {
            let file = URL(fileURLWithPath: work(name)).appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        try await git(["-C", work(name), "add", "--all"])
        try await git(["-C", work(name), "commit", "--quiet", "--message", "a change"])
        try await git(["-C", work(name), "push", "--quiet", "origin", "HEAD:main"])
        return try await head(name)
    }

    func head(_ name: String) async throws -> String {
        let lines = try await git(["-C", work(name), "rev-parse", "HEAD"])
        return try #require(lines.last)
    }

    @discardableResult
    func git(_ arguments: [String]) async throws -> [String] {
        let ssh =
            "ssh -F /dev/null -i \(folder.path("deploy")) -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        return try await Self.run("git", arguments, ["GIT_SSH_COMMAND": ssh])
    }

    @discardableResult
    private static func run(
        _ program: String, _ arguments: [String], _ extra: [String: String] = [:]
    ) async throws -> [String] {
        let result = try await CommandRunner().run(
            Command(program, arguments, environment: environment.merging(extra) { $1 }))
        try #require(result.isSuccess, "\(program) \(arguments): \(result.tail)")
        return result.tail
    }

    private static func serve(_ folder: TemporaryFolder) async throws -> (ChildProcess, Int) {
        while true {
            let port = try FreePort.find()
            try folder.write(
                """
                Port \(port)
                ListenAddress 127.0.0.1
                HostKey \(folder.path("host"))
                AuthorizedKeysFile \(folder.path("deploy.pub"))
                PidFile none
                StrictModes no
                UsePAM no
                PasswordAuthentication no
                KbdInteractiveAuthentication no
                PermitRootLogin prohibit-password
                """, to: "sshd_config")
            let server = try ChildProcess("/usr/sbin/sshd", ["-D", "-e", "-f", folder.path("sshd_config")])
            do {
                try await server.line(containing: "Server listening")
                return (server, port)
            } catch {
                // Somebody else was faster with the port; anything else is an error.
                guard server.printed.contains("Address already in use") else { throw error }
            }
        }
    }
}
