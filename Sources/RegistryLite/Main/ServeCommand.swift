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
            let certificate = try settings.openCertificate()
            let registry = PrometheusRegistry(help: Self.help, buckets: RequestMetrics.buckets)
            MetricsSystem.bootstrap(registry)
            let composition = try await Composition(settings, logger: logger)
            let lines = settings.requestLog()
            defer { lines?.flush() }
            let text = MetricsText(
                factory: registry, contentType: PrometheusText.contentType, traffic: Traffic(),
                certificate: certificate, text: { registry.text() })
            try await composition.serve(text, certificate: certificate, metricsAddress: address, log: lines)
        }
    }

    private static var help: [String: String] {
        let all = [
            RequestMetrics.help, QueueGauges.help, QueueCounters.help, UploadGauge.help, Traffic.help, MetricsText.help,
            CollectionMetrics.help,
        ]
        return all.reduce(into: [:]) { help, some in help.merge(some) { first, _ in first } }
    }
}
