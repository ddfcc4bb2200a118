import ArgumentParser

/// The options that every command takes.
struct SharedOptions: ParsableArguments {
    @Option(help: "The configuration: a YAML file, or a folder with config.yaml in it.")
    var config: String?

    @Option(help: ArgumentHelp("The address to serve on.", valueName: "host:port"))
    var listen: String?

    @Option(help: "The folder that holds the database, blobs and secrets where the configuration names none.")
    var dataDir: String?

    @Option(help: ArgumentHelp("How log lines look: text or json.", valueName: "format"))
    var logFormat: String?
}
