import ArgumentParser

/// `RegistryLite check-config`: says what is wrong with the configuration and changes nothing.
struct CheckConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Checks the configuration without starting anything.")

    @OptionGroup var options: SharedOptions

    func run() async throws {
        try await Failure.exiting {
            _ = try Settings(options)
            print("The configuration is valid.")
        }
    }
}
