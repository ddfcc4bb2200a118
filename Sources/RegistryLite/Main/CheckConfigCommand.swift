import ArgumentParser
import RegistryCore

/// `RegistryLite check-config`: says what is wrong with the configuration and changes nothing.
struct CheckConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Checks the configuration without starting anything.")

    @OptionGroup var options: SharedOptions

    func run() async throws {
        try await Failure.exiting {
            let settings = try Settings(options)
            _ = try settings.coreSite()
            _ = try settings.openCertificate()
            for warning in settings.configuration.warnings { print("Warning: \(warning)") }
            print("The configuration is valid.")
        }
    }
}
