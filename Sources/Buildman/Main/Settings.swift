import Domain
import Foundation
import Logging
import PostgresDriver
import RegistryCore
import SQL
import SQLiteDriver

/// What the program starts with: the defaults without a configuration file, the environment, and the command line.
struct Settings: Sendable {
    let listen: Address
    let metrics: Address
    let dataDirectory: String
    let databaseURI: String
    /// BUILDMAN_HOSTNAME: what builders dial.
    let hostname: String
    /// PREFERRED_URL_SCHEME is http: builders reach the registry without TLS.
    let isRegistryInsecure: Bool
    let capacity: Int
    let pollInterval: Duration
    let attempts: BuildAttemptService.Timing
    let jobs: JobStateMachine.Timing
    let executors: [LocalExecutor.Settings]

    init(_ options: ServeCommand) throws {
        let environment = ProcessInfo.processInfo.environment
        listen = try Address(options.listen ?? "127.0.0.1:50051", option: "--listen")
        metrics = try Address(options.metrics ?? "127.0.0.1:9092", option: "--metrics")
        dataDirectory = URL(fileURLWithPath: options.dataDir ?? "data").standardizedFileURL.path
        databaseURI = "sqlite:///" + dataDirectory + "/registry.db"
        hostname = environment["BUILDMAN_HOSTNAME"] ?? listen.reachable
        isRegistryInsecure = true
        capacity = 1
        pollInterval = .seconds(10)
        attempts = BuildAttemptService.Timing()
        jobs = JobStateMachine.Timing()
        executors = [
            LocalExecutor.Settings(
                command: BuilderCommand.Settings(
                    program: environment["BUILDER_BINARY_LOCATION"] ?? Self.agentBesideThisProgram),
                base: BuilderRooms.defaultBase(dataDirectory: dataDirectory), dataDirectory: dataDirectory)
        ]
        guard listen.isLoopback else {
            throw Failure(
                "The local executor runs builds on this machine, so it does not serve beyond loopback: listen on "
                    + "127.0.0.1, or set LOCAL_EXECUTOR_TRUSTED: true if you trust whoever may build.", .configuration)
        }
    }

    func openDatabase(logger: Logger) throws -> any Database {
        guard databaseURI.hasPrefix("sqlite:///") else { return try PostgresDatabase(url: databaseURI, logger: logger) }
        return try SQLiteDatabase(path: String(databaseURI.dropFirst("sqlite:///".count)), logger: logger)
    }

    private static var agentBesideThisProgram: String {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: program).deletingLastPathComponent().appending(path: "BuilderAgent").path
    }

    /// An address to serve on.
    struct Address: Sendable, Hashable {
        let host: String
        let port: Int

        init(_ text: String, option: String) throws {
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (0...65_535).contains(port), colon > text.startIndex
            else { throw Failure("\(option) must be HOST:PORT, not \(text).", .usage) }
            let host = text[..<colon].trimmingCharacters(in: ["[", "]"])
            self.host = host == "localhost" ? "127.0.0.1" : host
            self.port = port
        }

        var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }

        /// What a client of this machine dials.
        private var dialed: String {
            switch host {
            case "0.0.0.0": "127.0.0.1"
            case "::": "[::1]"
            default: host.contains(":") ? "[\(host)]" : host
            }
        }

        var reachable: String { "\(dialed):\(port)" }
    }
}
