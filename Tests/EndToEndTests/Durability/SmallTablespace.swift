import Foundation
import Glibc
import TestSupport

/// A disk of a few megabytes that holds the tables of one PostgreSQL database, and that a test can fill.
///
/// The server's own log and its other databases stay where they are: they go on while the disk is full.
final class SmallTablespace: Sendable {
    private let folder: TemporaryFolder
    private let name: String

    private var path: String { folder.path("tables") }
    private var filler: String { "\(path)/filler" }

    /// Mounts the disk and puts what `database` will create on it.
    init(for database: TestDatabase, megabytes: Int) async throws {
        folder = try TemporaryFolder()
        let database = try SmallTablespace.name(of: database.uri)
        name = "small_\(database)"
        guard chmod(folder.path, 0o755) == 0 else { throw SystemCallFailed("chmod") }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try await Client.run("mount", "-t", "tmpfs", "-o", "size=\(megabytes)m,mode=700", "tmpfs", path)
        try await Client.run("chown", "postgres:postgres", path)
        let server = try await PostgresServer.shared
        try server.execute("CREATE TABLESPACE \(name) LOCATION '\(path)'")
        try server.execute("ALTER DATABASE \(database) SET default_tablespace = \(name)")
    }

    /// The server forgets the tablespace with its cluster, which is this process's own.
    deinit { umount2(path, Int32(MNT_DETACH)) }

    func fill() throws { try SmallDisk.fill(filler) }

    func free() throws {
        guard unlink(filler) == 0 else { throw SystemCallFailed("unlink") }
    }

    /// Whether the test's server runs here, and this process may mount a disk for it.
    static var isPossible: Bool {
        SmallDisk.mayMount && getuid() == 0 && ProcessInfo.processInfo.environment["TEST_POSTGRES_URL"] == nil
    }

    private static func name(of uri: String) throws -> String {
        guard let path = URLComponents(string: uri)?.path, path.count > 1 else {
            throw SystemCallFailed("name of the database", code: EINVAL)
        }
        return String(path.dropFirst())
    }
}
