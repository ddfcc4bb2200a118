import ArgumentParser
import RegistryCore
import Runtime

/// `RegistryLite gc [--dry-run]`: collects garbage until nothing is left to do, or says what would go.
struct CollectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Removes what nothing reaches any more; servers may run meanwhile.")

    @Flag(help: "Says what would go, by repository, and changes nothing.") var dryRun = false
    @OptionGroup var options: SharedOptions

    func run() async throws {
        try await Failure.exiting {
            let settings = try Settings(options)
            let composition = try await Composition(settings, logger: settings.startLogging())
            let platform = composition.services.platform
            if dryRun {
                try await forecast(platform)
            } else {
                print("Removed \(try await collect(platform)).")
            }
            await composition.close()
        }
    }

    private func forecast(_ platform: Platform) async throws {
        let losses = try await CollectionForecast(platform: platform).run()
        for loss in losses { print(loss) }
        print(
            """
            \(losses.count) repositories would lose \(losses.reduce(0) { $0 + $1.tags }) tags, \
            \(losses.reduce(0) { $0 + $1.manifests }) manifests, \(losses.reduce(0) { $0 + $1.blobs }) blobs, \
            \(losses.reduce(0) { $0 + $1.bytes }) bytes.
            """)
    }

    /// Looks at everything once, then makes passes until one finds nothing.
    private func collect(_ platform: Platform) async throws -> CollectionStep.Counts {
        try await DeletionStep(platform: platform).run()
        var sum = CollectionStep.Counts()
        var scope = CollectionStep.Scope.everything
        while true {
            guard let counts = try await CollectionStep(platform: platform).run(scope) else {
                // A server is at it; its lease ends with its pass.
                try await platform.clock.sleep(for: .seconds(1))
                continue
            }
            guard scope == .everything || !counts.isEmpty else { return sum }
            sum = sum + counts
            scope = .whatIsDue
        }
    }
}
