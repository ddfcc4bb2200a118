import Foundation
import GRDB
import Glibc

import struct SQL.DatabaseError

/// What must be true of the file before SQLite may have it.
enum SQLiteFile {
    /// Creates the file when it is missing, readable by its owner alone: SQLite gives -wal and -shm the same mode.
    ///
    /// Errors: ``DatabaseError/Kind/unreachable``.
    static func prepare(_ path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw DatabaseError(.unreachable, sentence(errno, path: path))
        }
        defer { Glibc.close(descriptor) }
        if let name = FileSystemKind.networkName(of: descriptor) {
            throw DatabaseError(
                .unreachable,
                "The database file \(path) lies on a network file system (\(name)), where SQLite's locks don't hold "
                    + "and data is lost: put it on a local disk, or use PostgreSQL.")
        }
    }

    /// Names the file in an error that came up while it was opened.
    static func explain(_ error: any Error, path: String) -> DatabaseError {
        guard let error = error as? GRDB.DatabaseError else {
            return DatabaseError(.unreachable, "The database file \(path) can't be opened: \(error)")
        }
        let translated = SQLiteFailure.translate(error, sql: nil, mode: .writing)
        let kind = translated.kind == .statement ? .unreachable : translated.kind
        return DatabaseError(kind, "\(path): \(translated.message)")
    }

    private static func sentence(_ code: Int32, path: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        return switch code {
        case ENOENT: "The folder \(folder) of the database file doesn't exist: create it, or correct DB_URI."
        case ENOTDIR: "\(folder) is not a folder, so no database file can be in it: correct DB_URI."
        case EISDIR: "\(path) is a folder, not a database file: correct DB_URI."
        case EACCES, EPERM: "The database file \(path) may not be read and written by this user: check owner and mode."
        case EROFS: "The database file \(path) lies on a read-only file system."
        case ENOSPC, EDQUOT: "No space is left for the database file \(path): free some on its disk."
        default: "The database file \(path) can't be opened: \(String(cString: strerror(code)))."
        }
    }
}
