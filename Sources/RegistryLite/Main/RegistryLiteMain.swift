import ArgumentParser

/// The registry: images, API, web pages and background work in one program.
@main
struct RegistryLiteMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "RegistryLite", abstract: "A container registry that builds images.",
        subcommands: [
            ServeCommand.self, MigrateCommand.self, CheckConfigCommand.self, CollectCommand.self, FsckCommand.self,
            UserCommand.self,
        ])
}
