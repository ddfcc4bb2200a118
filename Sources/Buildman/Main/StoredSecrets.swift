import Foundation
import Logging
import Runtime

/// The secrets that RegistryLite makes at its first start where the configuration has none: `<data>/secrets`.
struct StoredSecrets: Sendable {
    let secretKey: String
    let databaseSecretKey: String

    /// Waits for the file: RegistryLite may be starting.
    static func wait(dataDirectory: String, clock: WallClock, logger: Logger) async throws -> StoredSecrets {
        let path = dataDirectory + "/secrets"
        var hasSaidSo = false
        while true {
            if let text = try? String(contentsOfFile: path, encoding: .utf8) {
                return try StoredSecrets(text, path: path)
            }
            if !hasSaidSo {
                logger.notice("waiting for RegistryLite to make \(path)")
                hasSaidSo = true
            }
            try await clock.sleep(for: .milliseconds(200))
        }
    }

    private init(_ text: String, path: String) throws {
        let values = Dictionary(
            text.split(separator: "\n").compactMap { line -> (String, String)? in
                let halves = line.split(separator: ":", maxSplits: 1)
                guard halves.count == 2 else { return nil }
                return (String(halves[0]), halves[1].trimmingCharacters(in: .whitespaces))
            }
        ) { first, _ in first }
        guard let secretKey = values["SECRET_KEY"], let databaseSecretKey = values["DATABASE_SECRET_KEY"] else {
            throw Failure("\(path) does not hold SECRET_KEY and DATABASE_SECRET_KEY.", .configuration)
        }
        self.secretKey = secretKey
        self.databaseSecretKey = databaseSecretKey
    }
}
