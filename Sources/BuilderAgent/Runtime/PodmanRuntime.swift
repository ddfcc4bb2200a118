import Domain
import Foundation
import OCI

/// Builds with podman (without a service: the command itself does the work), in a storage of its own for each build.
struct PodmanRuntime: ContainerRuntime {
    let commands: RuntimeCommands
    let files: RuntimeFiles
    let storage: RuntimeStorage
    let environment: [String: String]
    /// `oci`, `rootless` or `chroot`; nil: podman's own choice.
    let isolation: String?

    func check() async throws { try await commands.check(command(["version"])) }

    func pull(_ image: ImageReference, log: BuildOutput) async throws {
        try await commands.perform(pullCommand(image), failing: .cannotPullBaseImage, log: log)
    }

    func build(_ order: BuildOrder, log: BuildOutput) async throws -> String {
        try await commands.perform(buildCommand(order), failing: .buildError, log: log)
        return try ImageIDFile.read(files.imageID)
    }

    func push(_ imageID: String, to target: ImageReference, log: BuildOutput) async throws {
        try await commands.perform(pushCommand(imageID, to: target), failing: .pushIssue, log: log)
    }

    func cleanUp() async {
        await commands.tidy(command(["rmi", "--all", "--force"]))
        await storage.remove(with: commands) { command(["unshare"] + $0) }
    }

    func pullCommand(_ image: ImageReference) -> Command {
        command([
            "pull", "--authfile", files.pullLogins.path, "--signature-policy", files.policy.path,
            "docker://\(image.pullText)",
        ])
    }

    func buildCommand(_ order: BuildOrder) -> Command {
        var arguments = [
            "build", "--authfile", files.pullLogins.path, "--signature-policy", files.policy.path, "--format",
            "docker", "--pull=false", "--layers", "--force-rm", "--iidfile", files.imageID.path, "--file",
            order.dockerfile,
        ]
        if let isolation { arguments += ["--isolation", isolation] }
        for (name, value) in order.arguments.sorted(by: { $0.key < $1.key }) {
            arguments += ["--build-arg", "\(name)=\(value)"]
        }
        return command(arguments + [order.context])
    }

    func pushCommand(_ imageID: String, to target: ImageReference) -> Command {
        command([
            "push", "--authfile", files.pushLogins.path, "--signature-policy", files.policy.path, imageID,
            "docker://\(target.text)",
        ])
    }

    private func command(_ arguments: [String]) -> Command {
        var global = ["--root", storage.root, "--runroot", storage.runRoot, "--events-backend", "none"]
        if let driver = storage.driver { global += ["--storage-driver", driver] }
        var environment = environment
        environment["CONTAINERS_REGISTRIES_CONF"] = files.registries.path
        return Command("podman", global + arguments, environment: environment)
    }
}
