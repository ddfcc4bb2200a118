import Domain
import Foundation
import OCI

/// Builds with a docker daemon, or with anything that speaks its API on DOCKER_HOST.
///
/// The daemon keeps its images: they are removed by name afterwards. Whether a registry may be spoken to without TLS is a
/// setting of the daemon.
struct DockerRuntime: ContainerRuntime {
    let commands: RuntimeCommands
    let files: RuntimeFiles
    let environment: [String: String]
    /// The image's name in the daemon while the build runs.
    let imageName: String

    func check() async throws {
        try await commands.check(command(["version", "--format", "{{.Server.Version}}"], logins: files.dockerPull))
    }

    func pull(_ image: ImageReference, log: BuildOutput) async throws {
        let pull = command(["pull", image.pullText], logins: files.dockerPull)
        try await commands.perform(pull, failing: .cannotPullBaseImage, attempts: 3, log: log)
    }

    func build(_ order: BuildOrder, log: BuildOutput) async throws -> String {
        try await commands.perform(buildCommand(order), failing: .buildError, log: log)
        return try ResultFile.imageID(files.imageID)
    }

    func push(_ imageID: String, to target: ImageReference, log: BuildOutput) async throws -> Digest {
        let tag = command(["tag", imageID, target.text], logins: files.dockerPush)
        try await commands.perform(tag, failing: .tagIssue, log: log)
        let push = command(["push", target.text], logins: files.dockerPush)
        do {
            try await commands.perform(push, failing: .pushIssue, attempts: 3, log: log)
            let digest = try await digest(of: target)
            await removeName(target.text)
            return digest
        } catch {
            await removeName(target.text)
            throw error
        }
    }

    /// The daemon keeps the digests of what it pushed, one for each repository.
    private func digest(of target: ImageReference) async throws -> Digest {
        let format = "{{range .RepoDigests}}{{println .}}{{end}}"
        let result = try await commands.run(
            command(["image", "inspect", "--format", format, target.text], logins: files.dockerPush),
            log: BuildOutput { _ in })
        let prefix = "\(target.registry)/\(target.path)@"
        guard result.isSuccess, let line = result.tail.last(where: { $0.hasPrefix(prefix) }) else {
            throw BuildFailure(.pushIssue, "The daemon doesn't tell the digest of what it pushed.")
        }
        return try ResultFile.digest(String(line.dropFirst(prefix.count)))
    }

    func cleanUp() async { await removeName(imageName) }

    func buildCommand(_ order: BuildOrder) -> Command {
        var arguments = [
            "build", "--rm", "--force-rm", "--iidfile", files.imageID.path, "--tag", imageName, "--file",
            order.dockerfile,
        ]
        for (name, value) in order.arguments.sorted(by: { $0.key < $1.key }) {
            arguments += ["--build-arg", "\(name)=\(value)"]
        }
        return command(arguments + [order.context], logins: files.dockerPull)
    }

    /// Another build may have the same layers: only the name goes, and what nothing else names.
    private func removeName(_ name: String) async {
        await commands.tidy(command(["image", "rm", name], logins: files.dockerPush))
    }

    private func command(_ arguments: [String], logins: URL) -> Command {
        var environment = environment
        // The classic builder: it needs no plug-in, and announces steps in the way that logs expect.
        environment["DOCKER_BUILDKIT"] = "0"
        return Command("docker", ["--config", logins.path] + arguments, environment: environment)
    }
}
