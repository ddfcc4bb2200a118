/// What a database said no to, in words that both engines share.
package struct DatabaseError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// A UNIQUE or PRIMARY KEY rule was broken.
        case uniqueViolation
        /// A FOREIGN KEY rule was broken.
        case foreignKeyViolation
        /// NOT NULL or CHECK was broken.
        case constraintViolation
        /// The transaction met another one; the driver has already tried again as often as it may.
        case conflict
        /// The server can't be reached, the file can't be opened, the connection broke.
        case unreachable
        /// No space is left for the database.
        case diskFull
        /// The database was closed, or is closing.
        case closed
        /// A row did not have the shape that the caller asked for.
        case decoding
        /// The database belongs to another program, or to a newer version of this one.
        case foreignSchema
        /// Anything else: a statement that the engine refused.
        case statement
    }

    package let kind: Kind
    package let message: String
    /// The statement without its bindings, when there was one.
    package let sql: String?

    package init(_ kind: Kind, _ message: String, sql: String? = nil) {
        self.kind = kind
        self.message = message
        self.sql = sql
    }

    package var description: String { sql.map { "\(message) [\($0)]" } ?? message }
}
