/// One open transaction on one connection: synchronous, used only inside the body that received it.
///
/// Implemented by each driver. Statements are prepared once per connection and SQL text. After a statement has failed
/// the transaction accepts nothing more and can't commit, on both engines: where a row may already be there, write
/// `ON CONFLICT` instead of catching. Text with a NUL character is refused, since PostgreSQL can't hold it.
package protocol Transaction {
    var dialect: Dialect { get }

    /// Runs a statement and answers every row; for statements with `RETURNING` as well.
    func rows(_ query: Query) throws -> [Row]

    /// Runs a statement and answers how many rows it changed.
    @discardableResult func run(_ query: Query) throws -> Int

    /// Runs DDL text as it is; only for migrations.
    func execute(ddl: String) throws

    /// Wakes the listeners of `signal` in every process on this database, once this transaction has committed.
    func notify(_ signal: Signal) throws
}

extension Transaction {
    /// The first row, if there is one.
    package func row(_ query: Query) throws -> Row? { try rows(query).first }

    /// The first column of the first row as a whole number; for `COUNT(*)` and `RETURNING id`.
    package func number(_ query: Query) throws -> Int64? {
        guard let value = try row(query)?.values.first else { return nil }
        return try Row(columns: .init(["number"]), values: [value]).integerIfAny("number")
    }
}

/// A named wake-up that crosses processes: carries no data, may arrive more often than it was sent, never less.
package struct Signal: Sendable, Hashable {
    /// Lower-case letters and underscores; a PostgreSQL channel name as it is.
    package let name: String
    package init(_ name: StaticString) { self.name = name.description }
}
