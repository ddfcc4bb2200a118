import ArgumentParser
import RegistryCore

/// `RegistryLite fsck`: compares every row and every object; exit code 1 when something is wrong.
struct FsckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck", abstract: "Checks every blob, manifest and tag; servers may run meanwhile.")

    @Flag(help: "Looks at the sizes of blobs only, and reads none.") var quick = false
    @Flag(help: "Deletes objects older than a day that no row names.") var deleteOrphans = false
    @OptionGroup var options: SharedOptions

    func run() async throws {
        try await Failure.exiting {
            let settings = try Settings(options)
            let composition = try await Composition(settings, logger: settings.startLogging())
            let check = IntegrityCheck(
                platform: composition.services.platform, depth: quick ? .sizes : .bytes,
                orphans: deleteOrphans ? .delete : .list)
            let summary = try await check.run { print($0) }
            await composition.close()
            print(summary)
            guard summary.findings == 0 else { throw ExitCode(1) }
        }
    }
}
