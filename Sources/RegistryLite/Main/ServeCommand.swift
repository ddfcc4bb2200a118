import ArgumentParser
import Metrics
import RegistryCore
import Telemetry

/// `RegistryLite serve`: runs until SIGTERM or SIGINT.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves the registry, its API, its pages and its background work.")

    @OptionGroup var options: SharedOptions

    @Option(
        help: ArgumentHelp(
            "An address of its own for metrics, in plain HTTP and for everybody who reaches it.",
            valueName: "host:port"))
    var metrics: String?

    func run() async throws {
        try await Failure.exiting {
            let settings = try Settings(options)
            let address = try metrics.map { try Settings.address($0, option: "--metrics") }
            let logger = settings.startLogging()
            let registry = PrometheusRegistry(
                help: [RequestMetrics.help, QueueGauges.help, CollectionMetrics.help].reduce(into: [:]) {
                    $0.merge($1) { first, _ in first }
                })
            MetricsSystem.bootstrap(registry)
            let composition = try await Composition(settings, logger: logger)
            try await composition.serve(
                MetricsText(factory: registry, contentType: PrometheusText.contentType, text: { registry.text() }),
                metricsAddress: address)
        }
    }
}
