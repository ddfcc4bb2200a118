import Domain
import Foundation
import Logging
import OCI
import TestSupport
import Testing

@testable import BuilderAgent

/// Real builds. The push goes to a folder: registries are the business of the end-to-end tests.
@Suite("Builds with buildah") struct DaemonlessRuntimeTests {
    private static let dockerfile = """
        FROM scratch AS tools
        COPY busybox /bin/busybox
        RUN ["/bin/busybox", "sh", "-c", "echo built by $0 > /made", "stage one"]

        FROM scratch
        ARG WORD=unset
        COPY --from=tools /bin/busybox /bin/sh
        COPY --from=tools /made /made
        RUN echo "said $WORD" && echo $WORD >> /made
        """

    @Test("builds several stages with RUN and ARG, shows their output, and leaves nothing behind")
    func builds() async throws {
        let bench = try Bench(Self.dockerfile)
        let id = try await bench.runtime.build(bench.order(["WORD": "hello"]), log: bench.log.output)
        #expect(id.hasPrefix("sha256:"))
        let lines = await bench.log.lines
        #expect(lines.contains("said hello"))
        #expect(lines.contains { BuildStepMarker(line: $0) != nil })
        #expect(try await bench.file("made", in: id) == "built by stage one\nhello\n")
        await bench.runtime.cleanUp()
        #expect(!FileManager.default.fileExists(atPath: bench.folder.path("storage/vfs-images")))
    }

    @Test("a failing RUN shows its output and fails the build with its step")
    func fails() async throws {
        let bench = try Bench(Self.dockerfile + "\nRUN echo before; exit 7\n")
        let failure = await #expect(throws: BuildFailure.self) {
            try await bench.runtime.build(bench.order(), log: bench.log.output)
        }
        #expect(failure?.code == .buildError)
        #expect(failure?.cause?.contains("exit 7") == true || failure?.cause?.contains("status 7") == true)
        #expect(await bench.log.lines.contains("before"))
        await bench.runtime.cleanUp()
    }

    @Test("a base image that can't be pulled is said so")
    func missingBase() async throws {
        let bench = try Bench("FROM scratch\n")
        let port = try FreePort.find()
        let failure = await #expect(throws: BuildFailure.self) {
            try await bench.runtime.pull(ImageReference("127.0.0.1:\(port)/no/image"), log: bench.log.output)
        }
        #expect(failure?.code == .cannotPullBaseImage)
        #expect(failure?.cause?.contains("connection refused") == true)
        await bench.runtime.cleanUp()
    }
}

/// A context with busybox, a storage, and a runtime between them.
private struct Bench {
    let folder: TemporaryFolder
    let runtime: DaemonlessRuntime
    let log = Lines()
    private let environment: [String: String]

    actor Lines {
        private(set) var lines: [String] = []
        func add(_ line: String) { lines.append(line) }
        nonisolated var output: BuildOutput { BuildOutput { await self.add($0) } }
    }

    init(_ dockerfile: String) throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("context"), withIntermediateDirectories: true)
        try folder.write(dockerfile, to: "context/Dockerfile")
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: folder.path("context/busybox"))
        let files = RuntimeFiles(folder: URL(fileURLWithPath: folder.path("runtime")))
        try FileManager.default.createDirectory(at: files.folder, withIntermediateDirectories: true)
        try files.write(
            .init(
                registry: BuildRegistry(
                    host: "registry.example", repository: try RepositoryName("ns/app"), isInsecure: false,
                    pullToken: nil, pushToken: BuildSecret("x")), baseImageLogins: [], isInsecure: false))
        environment = [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": files.home.path, "TMPDIR": files.temporary.path,
        ]
        runtime = DaemonlessRuntime(
            program: .buildah,
            commands: RuntimeCommands(
                runner: CommandRunner(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
            files: files,
            storage: RuntimeStorage(
                root: folder.path("storage"), runRoot: folder.path("storage-run"), driver: "vfs"),
            environment: environment, isolation: "chroot")
    }

    func order(_ arguments: [String: String] = [:]) -> BuildOrder {
        BuildOrder(context: folder.path("context"), dockerfile: folder.path("context/Dockerfile"), arguments: arguments)
    }

    /// The content of `path` in the topmost layer of the image that has it.
    func file(_ path: String, in id: String) async throws -> String {
        let target = folder.path("pushed")
        let arguments = [
            "--root", runtime.storage.root, "--runroot", runtime.storage.runRoot, "--storage-driver", "vfs", "push",
            "--quiet", id, "docker-archive:\(target)",
        ]
        let pushed = try await CommandRunner().run(Command("buildah", arguments, environment: environment))
        try #require(pushed.isSuccess, "\(pushed.tail)")
        let script = """
            mkdir "$1.d" && tar -xf "$1" -C "$1.d" && cd "$1.d"
            for layer in $(jq -r '.[0].Layers[]' manifest.json); do tar -xf "$layer"; done; cat "$2"
            """
        let shown = try await CommandRunner().run(
            Command("sh", ["-c", script, "sh", target, path], environment: environment))
        return shown.tail.map { $0 + "\n" }.joined()
    }
}
