import GRDB

import struct SQL.DatabaseError

/// SQLite's result codes in the words of the kit SQL.
enum SQLiteFailure {
    /// Errors that are not the engine's own pass unchanged.
    static func translate(_ error: any Error, sql: String?, mode: SQLiteTransaction.Mode) -> any Error {
        guard let error = error as? GRDB.DatabaseError else { return error }
        return translate(error, sql: sql, mode: mode)
    }

    static func translate(_ error: GRDB.DatabaseError, sql: String?, mode: SQLiteTransaction.Mode) -> DatabaseError {
        let detail = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        // A schema definition may be pages long; the start says which one it was.
        let sql = (sql ?? error.sql).map { String($0.prefix(400)) }
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_ROWID:
            return DatabaseError(.uniqueViolation, detail, sql: sql)
        case .SQLITE_CONSTRAINT_FOREIGNKEY:
            return DatabaseError(.foreignKeyViolation, detail, sql: sql)
        default: break
        }
        switch error.resultCode {
        case .SQLITE_CONSTRAINT: return DatabaseError(.constraintViolation, detail, sql: sql)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return DatabaseError(
                .conflict, "Another process kept the database file locked for too long (\(detail)).", sql: sql)
        case .SQLITE_FULL:
            return DatabaseError(
                .diskFull, "No space is left for the database file: free some on its disk (\(detail)).", sql: sql)
        case .SQLITE_READONLY where mode == .reading:
            return DatabaseError(.statement, "A reading transaction can't change anything (\(detail)).", sql: sql)
        case .SQLITE_NOTADB, .SQLITE_CORRUPT:
            return DatabaseError(
                .unreachable, "The database file is damaged or no SQLite database: restore a backup (\(detail)).",
                sql: sql)
        case .SQLITE_CANTOPEN, .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_NOLFS:
            return DatabaseError(
                .unreachable,
                "The database file can't be read or written: check its disk, owner and mode (\(detail)).", sql: sql)
        default: return DatabaseError(.statement, detail, sql: sql)
        }
    }
}

extension DatabaseError.Kind {
    var isConstraint: Bool {
        [.uniqueViolation, .foreignKeyViolation, .constraintViolation].contains(self)
    }
}
