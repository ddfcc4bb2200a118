import Foundation
import Glibc
package import Runtime
import Secrets

/// The secrets of an installation whose configuration names none: made once, kept in `<data>/secrets`.
///
/// Shape: lines `SECRET_KEY: …` and `DATABASE_SECRET_KEY: …`, mode 0600. RegistryLite makes the file; Buildman waits for it.
package struct InstanceSecrets: Sendable {
    /// Keys of sessions and other sealed tokens.
    package let secretKey: String
    /// Key of the encrypted columns: whoever loses it loses robot tokens and trigger credentials.
    package let databaseSecretKey: String

    package enum Failure: Error, Hashable, CustomStringConvertible {
        case malformed(path: String)
        /// Others than the owner may read the file.
        case tooOpen(path: String)
        case system(path: String, operation: String, reason: String)

        package var description: String {
            switch self {
            case .malformed(let path):
                "\(path) does not hold SECRET_KEY and DATABASE_SECRET_KEY of 32 characters or more."
            case .tooOpen(let path): "\(path) can be read by others than its owner: run chmod 600 on it."
            case .system(let path, let operation, let reason): "\(path) can't be \(operation): \(reason)."
            }
        }
    }

    package init(secretKey: String, databaseSecretKey: String) {
        self.secretKey = secretKey
        self.databaseSecretKey = databaseSecretKey
    }

    /// The secrets of `configuration`; what it doesn't have is read from the file, which is made if it isn't there.
    ///
    /// Programs that start at the same moment end with the same secrets. Throws ``Failure``.
    package static func loadOrCreate(for configuration: Configuration, randomness: Randomness) throws(Failure)
        -> InstanceSecrets
    {
        if let complete = named(in: configuration) { return complete }
        let path = path(in: configuration.dataDirectory)
        if !FileManager.default.fileExists(atPath: path) { try create(path, randomness) }
        return try read(path).overridden(by: configuration)
    }

    /// The same for Buildman, which makes no file: asks every half second until RegistryLite has made it.
    ///
    /// `onWaiting` is called once, with the path, if there is something to wait for. Throws ``Failure`` or
    /// `CancellationError`.
    package static func wait(
        for configuration: Configuration, clock: WallClock, onWaiting: (String) -> Void
    ) async throws -> InstanceSecrets {
        if let complete = named(in: configuration) { return complete }
        let path = path(in: configuration.dataDirectory)
        if !FileManager.default.fileExists(atPath: path) { onWaiting(path) }
        while !FileManager.default.fileExists(atPath: path) { try await clock.sleep(for: .milliseconds(500)) }
        return try read(path).overridden(by: configuration)
    }

    private static func path(in dataDirectory: String) -> String { dataDirectory + "/secrets" }

    private static func named(in configuration: Configuration) -> InstanceSecrets? {
        guard let secret = configuration.security.secretKey, let database = configuration.security.databaseSecretKey
        else {
            return nil
        }
        return InstanceSecrets(secretKey: secret, databaseSecretKey: database)
    }

    private func overridden(by configuration: Configuration) -> InstanceSecrets {
        InstanceSecrets(
            secretKey: configuration.security.secretKey ?? secretKey,
            databaseSecretKey: configuration.security.databaseSecretKey ?? databaseSecretKey)
    }

    private static func read(_ path: String) throws(Failure) -> InstanceSecrets {
        let mode: Int?
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            mode = attributes[.posixPermissions] as? Int
        } catch { throw .system(path: path, operation: "read", reason: error.localizedDescription) }
        guard let mode, mode & 0o077 == 0 else { throw .tooOpen(path: path) }
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw .system(path: path, operation: "read", reason: error.localizedDescription)
        }
        func value(_ key: String) -> String? {
            text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
                .map { $0.dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces) }
        }
        guard let secret = value("SECRET_KEY"), let database = value("DATABASE_SECRET_KEY"), secret.utf8.count >= 32,
            database.utf8.count >= 32
        else { throw .malformed(path: path) }
        return InstanceSecrets(secretKey: secret, databaseSecretKey: database)
    }

    /// Written aside and synced, then linked into place: nobody ever sees half a file, and whoever comes second takes the
    /// secrets of the first.
    private static func create(_ path: String, _ randomness: Randomness) throws(Failure) {
        let folder = (path as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { throw .system(path: folder, operation: "made", reason: error.localizedDescription) }
        let text = ["SECRET_KEY", "DATABASE_SECRET_KEY"]
            .map { "\($0): \(SecretToken.random(length: 64, using: randomness).text)\n" }.joined()
        let draft = path + "." + SecretToken.random(length: 16, using: randomness).text
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw system(path, "written") }
        defer { unlink(draft) }
        let bytes = Array(text.utf8)
        let isWritten = write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        guard close(file) == 0, isWritten else { throw system(path, "written") }
        guard link(draft, path) == 0 || errno == EEXIST else { throw system(path, "written") }
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw system(path, "written") }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw system(path, "written") }
    }

    private static func system(_ path: String, _ operation: String) -> Failure {
        .system(path: path, operation: operation, reason: String(cString: strerror(errno)))
    }
}
