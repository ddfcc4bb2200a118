import ArgumentParser
import SQL

/// `RegistryLite migrate`: brings the database's schema up to date and stops.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Creates or migrates the database's schema.")

    @OptionGroup var options: SharedOptions

    func run() async throws {
        try await Failure.exiting {
            let settings = try Settings(options)
            let database = try settings.openDatabase(logger: settings.startLogging())
            let applied = try await Composition.migrator.migrate(database)
            await database.close()
            print(
                applied.isEmpty
                    ? "The schema is up to date."
                    : "Applied migrations: \(applied.map(String.init).joined(separator: ", ")).")
        }
    }
}
