import ArgumentParser
import RegistryCore
import Runtime

/// `RegistryLite gc [--dry-run]`: collects garbage until nothing is left to do, or says what would go.
struct CollectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Removes what nothing reaches any more; servers may run meanwhile.")

    @OptionGroup var options: SharedOptions

    func run() async throws {
        try await Failure.exiting {
            let settings = try Settings(options)
            let composition = try await Composition(settings, logger: settings.startLogging())
            let platform = composition.services.platform
            var sum = CollectionStep.Counts()
            while true {
                guard let counts = try await CollectionStep(platform: platform).run() else {
                    // A server is at it; its lease ends with its pass.
                    try await platform.clock.sleep(for: .seconds(1))
                    continue
                }
                guard !counts.isEmpty else { break }
                sum = sum + counts
            }
            await composition.close()
            print("Removed \(sum).")
        }
    }
}
