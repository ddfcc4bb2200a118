import Domain
import Foundation
import Logging
import OCI
import TestSupport
import Testing

@testable import BuilderAgent

@Suite("Runtime files and commands") struct RuntimeCommandTests {
    private static func registry() throws -> BuildRegistry {
        BuildRegistry(
            host: "reg.example:5000", repository: try RepositoryName("ns/app"), isInsecure: false,
            pullToken: BuildSecret("pull"), pushToken: BuildSecret("push"))
    }

    @Test("SEC-Upstream credential theft: each login stands under exactly its own host")
    func logins() throws {
        let settings = RuntimeFiles.Settings(
            registry: try Self.registry(),
            baseImageLogins: [RegistryLogin(registry: "docker.io", username: "u", password: BuildSecret("p"))],
            isInsecure: false)
        let logins = RuntimeFiles.pullLogins(settings)
        #expect(logins.map(\.registry) == ["docker.io", "reg.example:5000"])
        #expect(logins.map(\.username) == ["u", "$token"])
        let json = try RuntimeFiles.loginsJSON(logins)
        #expect(json == #"{"auths":{"docker.io":{"auth":"dTpw"},"reg.example:5000":{"auth":"JHRva2VuOnB1bGw="}}}"#)
        #expect(try RuntimeFiles.loginsJSON(logins, docker: true).contains(#""https://index.docker.io/v1/":"#))
    }

    @Test("a pull robot of the build's own registry wins over the build's token")
    func robot() throws {
        let robot = RegistryLogin(registry: "reg.example:5000", username: "ns+bot", password: BuildSecret("p"))
        let settings = RuntimeFiles.Settings(
            registry: try Self.registry(), baseImageLogins: [robot], isInsecure: false)
        #expect(RuntimeFiles.pullLogins(settings) == [robot])
    }

    @Test("SEC-Secrets shown to readers: login files are for their owner only, and no secret is in a command")
    func modes() throws {
        let folder = try TemporaryFolder()
        let files = RuntimeFiles(folder: URL(fileURLWithPath: folder.path))
        try files.write(.init(registry: try Self.registry(), baseImageLogins: [], isInsecure: true))
        for file in [files.pullLogins, files.pushLogins, files.dockerPush.appending(path: "config.json")] {
            let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        #expect(try folder.read("login/push.json").contains("JHRva2VuOnB1c2g="))
        #expect(!(try folder.read("login/push.json").contains("JHRva2VuOnB1bGw=")))
        let runtime = Self.buildah(files)
        let image = try ImageReference("reg.example:5000/ns/app:v1")
        for command in [runtime.pullCommand(image), runtime.pushCommand("sha256:1", to: image)] {
            #expect(!command.arguments.contains { $0.contains("JHRv") || $0 == "push:push" })
        }
    }

    @Test("only an insecure registry is spoken to in plain text, and only itself")
    func registries() throws {
        let settings = RuntimeFiles.Settings(registry: try Self.registry(), baseImageLogins: [], isInsecure: true)
        let text = RuntimeFiles.registriesText(settings)
        #expect(text.contains("unqualified-search-registries = [\"docker.io\"]"))
        #expect(text.contains("location = \"reg.example:5000\"\ninsecure = true"))
        var secure = settings
        secure.isInsecure = false
        #expect(!RuntimeFiles.registriesText(secure).contains("insecure"))
    }

    @Test("buildah works in the build's own storage, with its own settings")
    func buildahCommands() throws {
        let files = RuntimeFiles(folder: URL(fileURLWithPath: "/f"))
        let order = BuildOrder(context: "/c", dockerfile: "/c/Dockerfile", arguments: ["B": "2", "A": "x y"])
        let build = Self.buildah(files).buildCommand(order).arguments
        #expect(build.prefix(6) == ["--root", "/s", "--runroot", "/r", "--storage-driver", "vfs"])
        #expect(build.contains("--registries-conf-dir"))
        #expect(build.suffix(7) == ["--isolation", "chroot", "--build-arg", "A=x y", "--build-arg", "B=2", "/c"])
        let digest = "sha256:" + String(repeating: "a", count: 64)
        let pull = Self.buildah(files).pullCommand(try ImageReference("alpine:3@\(digest)"))
        #expect(pull.arguments.last == "docker://docker.io/library/alpine@\(digest)")
    }

    @Test("a runtime that isn't installed is said so")
    func missing() async throws {
        let commands = RuntimeCommands(runner: CommandRunner(), logger: Self.quiet)
        let failure = await #expect(throws: BuildFailure.self) {
            try await commands.check(Command("no-such-runtime", [], environment: ["PATH": "/usr/bin"]))
        }
        #expect(failure?.code == .runtimeUnreachable)
        #expect(failure?.cause?.contains("no-such-runtime isn't installed") == true)
    }

    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func buildah(_ files: RuntimeFiles) -> DaemonlessRuntime {
        DaemonlessRuntime(
            program: .buildah,
            commands: RuntimeCommands(runner: CommandRunner(), logger: quiet), files: files,
            storage: RuntimeStorage(root: "/s", runRoot: "/r", driver: "vfs"), environment: [:], isolation: "chroot")
    }
}
