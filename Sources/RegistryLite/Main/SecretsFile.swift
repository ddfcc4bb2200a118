import Foundation
import Glibc
import Runtime
import Secrets

/// The secrets that are made at the first start where the configuration has none: `<data>/secrets`, readable by its
/// owner alone.
struct SecretsFile: Sendable {
    let secretKey: String
    let databaseSecretKey: String

    /// Reads the file, or makes it. Two programs that start at once end with the same secrets.
    init(dataDirectory: String, randomness: Randomness) throws {
        let path = dataDirectory + "/secrets"
        if !FileManager.default.fileExists(atPath: path) { try Self.create(path, randomness: randomness) }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let values = Dictionary(
            lines.compactMap { line -> (String, String)? in
                let halves = line.split(separator: ":", maxSplits: 1)
                guard halves.count == 2 else { return nil }
                return (String(halves[0]), halves[1].trimmingCharacters(in: .whitespaces))
            }
        ) { first, _ in first }
        guard let secretKey = values["SECRET_KEY"], let databaseSecretKey = values["DATABASE_SECRET_KEY"],
            secretKey.utf8.count >= 32, databaseSecretKey.utf8.count >= 32
        else {
            throw Failure(
                "\(path) does not hold SECRET_KEY and DATABASE_SECRET_KEY of 32 characters or more.", .configuration)
        }
        self.secretKey = secretKey
        self.databaseSecretKey = databaseSecretKey
    }

    private static func create(_ path: String, randomness: Randomness) throws {
        let text = ["SECRET_KEY", "DATABASE_SECRET_KEY"].map {
            "\($0): \(SecretToken.random(length: 48, using: randomness).text)\n"
        }.joined()
        let draft = "\(path).\(getpid())"
        guard
            FileManager.default.createFile(
                atPath: draft, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw Failure("\(draft) could not be written.") }
        defer { unlink(draft) }
        // A link fails where the name is taken: whoever came first has made the secrets of both.
        guard link(draft, path) == 0 || errno == EEXIST else {
            throw Failure("\(path) could not be written: \(String(cString: strerror(errno)))")
        }
    }
}
