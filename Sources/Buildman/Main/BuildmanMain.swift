import ArgumentParser

/// The build manager: takes builds from the queue, starts a builder for each, and talks to the agent inside.
@main
struct BuildmanMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Buildman", abstract: "Builds container images for a RegistryLite.",
        subcommands: [ServeCommand.self])
}
