import ArgumentParser
import Domain
import Logging
import Metrics
import RegistryCore
import Telemetry

/// `Buildman serve`: runs until SIGTERM or SIGINT.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Starts builders for queued builds and serves the agents' protocol.")

    @Option(help: "The configuration: a YAML file, or a folder with config.yaml in it.")
    var config: String?

    @Option(help: ArgumentHelp("The address for build agents (gRPC).", valueName: "host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("The address for metrics.", valueName: "host:port"))
    var metrics: String?

    @Option(help: "The folder that holds the database and secrets where the configuration names none.")
    var dataDir: String?

    @Option(help: ArgumentHelp("How log lines look: text or json.", valueName: "format"))
    var logFormat: String?

    func run() async throws {
        try await Failure.exiting {
            let format = try logFormat.map { text in
                guard let format = LogFormat(rawValue: text) else {
                    throw Failure("--log-format must be text or json, not \(text).", .usage)
                }
                return format
            }
            let settings = try Settings(self)
            (format ?? .text).bootstrap(level: settings.logLevel)
            let help = [BuildMetrics.help, QueueCounters.help, QueueGauges.help]
                .reduce(into: [:]) { $0.merge($1) { first, _ in first } }
            let metrics = PrometheusRegistry(help: help, buckets: BuildMetrics.buckets)
            MetricsSystem.bootstrap(metrics)
            QueueCounters.introduce(.dockerfileBuild)
            let composition = try await Composition(settings, metrics: metrics, logger: settings.logger)
            try await composition.serve()
        }
    }
}
