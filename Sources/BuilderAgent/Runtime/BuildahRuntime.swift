import Domain
import Foundation
import OCI

/// Builds with buildah, in a storage of its own for each build.
struct BuildahRuntime: ContainerRuntime {
    let commands: RuntimeCommands
    let files: RuntimeFiles
    let storage: RuntimeStorage
    let environment: [String: String]
    /// `oci`, `rootless` or `chroot`; nil: buildah's own choice.
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
        await commands.tidy(command(["rm", "--all"]))
        await commands.tidy(command(["rmi", "--all", "--force"]))
        await storage.remove(with: commands) { command(["unshare"] + $0) }
    }

    func pullCommand(_ image: ImageReference) -> Command {
        command([
            "pull", "--authfile", files.pullLogins.path, "--signature-policy", files.policy.path, "--policy",
            // Tried three times in all, but only what may get better by itself.
            "always", "--retry", "2", "--retry-delay", "1s", "docker://\(image.pullText)",
        ])
    }

    func buildCommand(_ order: BuildOrder) -> Command {
        var arguments = [
            "build", "--authfile", files.pullLogins.path, "--signature-policy", files.policy.path, "--format",
            // Dockerfiles may hold HEALTHCHECK, ONBUILD and SHELL, which the OCI format has no place for.
            "docker",
            // Base images were pulled by now; what COPY --from names is fetched when it is missing.
            "--pull=false", "--layers", "--force-rm", "--iidfile", files.imageID.path, "--file", order.dockerfile,
        ]
        if let isolation { arguments += ["--isolation", isolation] }
        for (name, value) in order.arguments.sorted(by: { $0.key < $1.key }) {
            arguments += ["--build-arg", "\(name)=\(value)"]
        }
        return command(arguments + [order.context])
    }

    func pushCommand(_ imageID: String, to target: ImageReference) -> Command {
        command([
            "push", "--authfile", files.pushLogins.path, "--signature-policy", files.policy.path, "--retry", "2",
            "--retry-delay", "1s", imageID, "docker://\(target.text)",
        ])
    }

    private func command(_ arguments: [String]) -> Command {
        var global = ["--root", storage.root, "--runroot", storage.runRoot]
        if let driver = storage.driver { global += ["--storage-driver", driver] }
        global += [
            "--registries-conf", files.registries.path, "--registries-conf-dir", files.registriesFolder.path,
            "--short-name-alias-conf", files.home.appending(path: "aliases.conf").path,
        ]
        return Command("buildah", global + arguments, environment: environment)
    }
}

/// Where buildah and podman keep images and containers.
struct RuntimeStorage: Sendable, Hashable {
    let root: String
    let runRoot: String
    /// nil: what the machine's storage.conf or the environment says.
    let driver: String?

    /// Removes both folders; `unshare` makes a command that runs in the runtime's user namespace.
    func remove(with commands: RuntimeCommands, unshare: ([String]) -> Command) async {
        let removal = ["rm", "-rf", "--", root, runRoot]
        if geteuid() == 0 {
            await commands.tidy(Command("rm", Array(removal.dropFirst()), environment: unshare([]).environment))
        } else {
            // Files of a rootless storage belong to other user ids: only inside its namespace can they be removed.
            await commands.tidy(unshare(removal))
        }
    }
}

/// The file into which a runtime writes the id of the image that it built.
enum ImageIDFile {
    static func read(_ url: URL) throws -> String {
        let text: String
        do { text = try String(contentsOf: url, encoding: .utf8) } catch {
            throw BuildFailure(.buildError, "The build ended without an image.")
        }
        let id = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !id.isEmpty else { throw BuildFailure(.buildError, "The build ended without an image.") }
        return id
    }
}

extension ImageReference {
    /// As runtimes want it: a tag and a digest together are refused, and the digest decides.
    var pullText: String {
        digest.map { "\(registry)/\(path)@\($0)" } ?? "\(registry)/\(path):\(tagOrLatest)"
    }
}
