import Domain
import Foundation
import OCI

/// Builds with buildah or podman, neither of which needs a service, in a storage of its own for each build.
struct DaemonlessRuntime: ContainerRuntime {
    enum Program: String, Sendable {
        case buildah, podman
    }

    let program: Program
    let commands: RuntimeCommands
    let files: RuntimeFiles
    let storage: RuntimeStorage
    let environment: [String: String]
    /// `oci`, `rootless` or `chroot`; nil: the program's own choice.
    let isolation: String?

    func check() async throws { try await commands.check(command(["version"])) }

    func pull(_ image: ImageReference, log: BuildOutput) async throws {
        try await commands.perform(pullCommand(image), failing: .cannotPullBaseImage, log: log)
    }

    func build(_ order: BuildOrder, log: BuildOutput) async throws -> String {
        try await commands.perform(buildCommand(order), failing: .buildError, log: log)
        return try ResultFile.imageID(files.imageID)
    }

    func push(_ imageID: String, to target: ImageReference, log: BuildOutput) async throws -> Digest {
        try await commands.perform(pushCommand(imageID, to: target), failing: .pushIssue, log: log)
        return try ResultFile.digest(files.pushedDigest)
    }

    func cleanUp() async {
        // Only buildah leaves containers of its own behind.
        if program == .buildah { await commands.tidy(command(["rm", "--all"])) }
        await commands.tidy(command(["rmi", "--all", "--force"]))
        await storage.remove(with: commands) { command(["unshare"] + $0) }
    }

    func pullCommand(_ image: ImageReference) -> Command {
        command(
            ["pull"] + access(files.pullLogins) + (program == .buildah ? ["--policy", "always"] : []) + retries + [
                "docker://\(image.pullText)"
            ])
    }

    func buildCommand(_ order: BuildOrder) -> Command {
        var arguments = ["build"] + access(files.pullLogins)
        // Dockerfiles may hold HEALTHCHECK, ONBUILD and SHELL, which the OCI format has no place for.
        arguments += ["--format", "docker"]
        // Base images were pulled by now; what COPY --from names is fetched when it is missing.
        arguments += ["--pull=false", "--layers", "--force-rm", "--iidfile", files.imageID.path]
        arguments += ["--file", order.dockerfile]
        if let isolation { arguments += ["--isolation", isolation] }
        for (name, value) in order.arguments.sorted(by: { $0.key < $1.key }) {
            arguments += ["--build-arg", "\(name)=\(value)"]
        }
        return command(arguments + [order.context])
    }

    func pushCommand(_ imageID: String, to target: ImageReference) -> Command {
        command(
            ["push"] + access(files.pushLogins) + retries + [
                "--digestfile", files.pushedDigest.path, imageID, "docker://\(target.text)",
            ])
    }

    private func access(_ logins: URL) -> [String] {
        ["--authfile", logins.path, "--signature-policy", files.policy.path]
    }

    /// Tried three times in all, but only what may get better by itself. Podman 4.3 does so without being told.
    private var retries: [String] { program == .buildah ? ["--retry", "2", "--retry-delay", "1s"] : [] }

    private func command(_ arguments: [String]) -> Command {
        var global = ["--root", storage.root, "--runroot", storage.runRoot]
        if let driver = storage.driver { global += ["--storage-driver", driver] }
        var environment = environment
        switch program {
        case .buildah:
            global += [
                "--registries-conf", files.registries.path, "--registries-conf-dir", files.registriesFolder.path,
                "--short-name-alias-conf", files.home.appending(path: "aliases.conf").path,
            ]
        case .podman:
            global += ["--events-backend", "none"]
            environment["CONTAINERS_REGISTRIES_CONF"] = files.registries.path
        }
        return Command(program.rawValue, global + arguments, environment: environment)
    }
}

extension ImageReference {
    /// As runtimes want it: a tag and a digest together are refused, and the digest decides.
    var pullText: String {
        digest.map { "\(registry)/\(path)@\($0)" } ?? "\(registry)/\(path):\(tagOrLatest)"
    }
}
