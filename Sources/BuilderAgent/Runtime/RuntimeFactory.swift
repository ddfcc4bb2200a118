import Domain
import Foundation
import Logging

/// Makes the container runtime that the environment asks for.
struct RuntimeFactory: Sendable {
    let configuration: AgentConfiguration
    let runner: CommandRunner
    let logger: Logger

    /// Writes the build's logins and settings into `workspace` and answers a runtime that uses them.
    func make(
        for pack: BuildPack, in workspace: BuildWorkspace, environment: [String: String]
    ) throws -> any ContainerRuntime {
        let files = workspace.files
        try files.write(
            RuntimeFiles.Settings(
                registry: pack.registry, baseImageLogins: pack.baseImageLogins,
                isInsecure: configuration.isInsecure || pack.registry.isInsecure))
        let commands = RuntimeCommands(runner: runner, logger: logger)
        let root = configuration.storageRoot.map { URL(fileURLWithPath: $0) } ?? workspace.folder
        let storage = RuntimeStorage(
            root: root.appending(path: "storage").path, runRoot: root.appending(path: "storage-run").path,
            driver: environment["STORAGE_DRIVER"])
        switch configuration.runtime {
        case .buildah, .podman:
            return DaemonlessRuntime(
                program: configuration.runtime == .buildah ? .buildah : .podman, commands: commands, files: files,
                storage: storage, environment: environment, isolation: configuration.isolation)
        case .docker:
            return DockerRuntime(
                commands: commands, files: files, environment: environment,
                imageName: "build/\(workspace.folder.lastPathComponent):latest")
        }
    }
}
