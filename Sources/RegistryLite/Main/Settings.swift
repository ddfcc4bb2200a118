import Domain
import Foundation
import Logging
import PostgresDriver
import RegistryCore
import Runtime
import SQL
import SQLiteDriver
import Secrets

/// What a command starts with: the defaults without a configuration file, and the command line.
struct Settings: Sendable {
    let listenHost: String
    let listenPort: Int
    let dataDirectory: String
    let databaseURI: String

    init(_ options: SharedOptions) throws {
        let listen = options.listen ?? "127.0.0.1:8080"
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
            (0...65_535).contains(port), colon > listen.startIndex
        else { throw Failure("--listen must be HOST:PORT, not \(listen).", .usage) }
        listenHost = listen[..<colon].trimmingCharacters(in: ["[", "]"])
        listenPort = port
        dataDirectory = URL(fileURLWithPath: options.dataDir ?? "data").standardizedFileURL.path
        databaseURI = "sqlite:///" + dataDirectory + "/registry.db"
    }

    /// The site as the defaults have it.
    var site: Site {
        Site(
            urls: URLs(scheme: "http", hostname: "\(listenHost):\(listenPort)"),
            features: [
                .directLogin, .userCreation, .userInitialize, .buildSupport, .superusers, .appTokens, .logExport,
                .aggregatedLogs,
            ])
    }

    func openDatabase(logger: Logger) throws -> any Database {
        try FileManager.default.createDirectory(
            atPath: dataDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        guard databaseURI.hasPrefix("sqlite:///") else { return try PostgresDatabase(url: databaseURI, logger: logger) }
        return try SQLiteDatabase(path: String(databaseURI.dropFirst("sqlite:///".count)), logger: logger)
    }
}
