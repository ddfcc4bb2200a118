import ArgumentParser

/// `RegistryLite serve`: runs until SIGTERM or SIGINT.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves the registry, its API, its pages and its background work.")

    @OptionGroup var options: SharedOptions

    func run() async throws {
        try await Failure.exiting {
            let settings = try Settings(options)
            let composition = try await Composition(settings, logger: settings.logger)
            try await composition.serve()
        }
    }
}
