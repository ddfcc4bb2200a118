package import Runtime

package import struct Foundation.Date

/// Brings the schema of a database to the version that a program knows.
///
/// Its table `schema_version` has one row for each applied migration, and row 0 with the product's name: the marker
/// that tells our databases from others. A database without the marker must be empty.
package struct Migrator: Sendable {
    /// How a database stands to this program.
    package enum State: Sendable, Hashable {
        /// It holds nothing yet.
        case empty
        /// It is ours, and `number` is the last migration applied to it.
        case ours(number: Int)
        /// It must not be touched; the sentence says why.
        case foreign(String)
    }

    /// What the marker says.
    private let product: String
    private let migrations: [Migration]
    private let clock: WallClock

    /// - Parameter migrations: all of them, numbered 1, 2, 3, ….
    package init(product: String, migrations: [Migration], clock: WallClock = .system) {
        precondition(
            migrations.map(\.number) == Array(1..<(migrations.count + 1)), "Migrations are numbered 1, 2, 3, …")
        self.product = product
        self.migrations = migrations
        self.clock = clock
    }

    /// Applies what is missing, all of it or nothing, and answers the numbers applied.
    ///
    /// Of several processes one migrates while the others wait, and then find nothing to do.
    /// Errors: ``DatabaseError/Kind/foreignSchema`` when the database is not ours or newer; nothing is changed.
    @discardableResult
    package func migrate(_ database: any Database) async throws -> [Int] {
        try await database.writeAlone { transaction in
            let current: Int
            switch try state(in: transaction) {
            case .foreign(let sentence): throw DatabaseError(.foreignSchema, sentence)
            case .ours(let number): current = number
            case .empty:
                try begin(in: transaction)
                current = 0
            }
            let missing = migrations.filter { $0.number > current }
            for migration in missing {
                try migration.apply(transaction)
                try record(migration.number, migration.name, in: transaction)
            }
            return missing.map(\.number)
        }
    }

    /// How the database stands, without changing it.
    package func state(of database: any Database) async throws -> State {
        try await database.read { try state(in: $0) }
    }

    /// Whether the schema is this program's.
    ///
    /// Errors: ``DatabaseError/Kind/foreignSchema`` when waiting for it would be in vain.
    package func isCurrent(_ database: any Database) async throws -> Bool {
        switch try await state(of: database) {
        case .empty: false
        case .ours(let number): number == migrations.count
        case .foreign(let sentence): throw DatabaseError(.foreignSchema, sentence)
        }
    }

    /// Waits for another program to migrate the database; asks every 200 ms.
    ///
    /// Errors: ``DatabaseError/Kind/foreignSchema`` at once; at the deadline ``DatabaseError/Kind/unreachable``.
    package func wait(for database: any Database, until deadline: Date) async throws {
        while true {
            var reason = "its schema is not the one that this program needs; is RegistryLite running?"
            do {
                if try await isCurrent(database) { return }
            } catch let error as DatabaseError where error.kind == .unreachable {
                reason = error.message
            }
            guard clock.now < deadline else {
                throw DatabaseError(.unreachable, "The database is not ready: \(reason)")
            }
            try await clock.sleep(for: .milliseconds(200))
        }
    }

    private func begin(in transaction: any Transaction) throws {
        try transaction.execute(
            ddl: """
                CREATE TABLE schema_version (
                    number \(transaction.dialect.integer) PRIMARY KEY,
                    name TEXT NOT NULL,
                    applied_at_ms \(transaction.dialect.integer) NOT NULL
                )
                """)
        try record(0, product, in: transaction)
    }

    private func record(_ number: Int, _ name: String, in transaction: any Transaction) throws {
        try transaction.run(
            "INSERT INTO schema_version (number, name, applied_at_ms) VALUES (\(number), \(name), \(clock.now))")
    }

    private func state(in transaction: any Transaction) throws -> State {
        let tables = try transaction.rows(Self.tables(transaction.dialect)).map { try $0.text("name") }
        if tables.contains("alembic_version") {
            return .foreign(
                "The database belongs to Quay (it has the table alembic_version). This program can't take it over: "
                    + "give it a database of its own in DB_URI.")
        }
        guard !tables.isEmpty else { return .empty }
        guard try isMarked(tables: tables, in: transaction) else {
            let some = tables.prefix(3).joined(separator: ", ") + (tables.count > 3 ? ", …" : "")
            return .foreign(
                "The database belongs to another program (it has the tables \(some)): "
                    + "give this one an empty database of its own in DB_URI.")
        }
        let number = Int(try transaction.number("SELECT MAX(number) FROM schema_version") ?? 0)
        guard number <= migrations.count else {
            return .foreign(
                "The schema of the database has version \(number), and this program knows it up to "
                    + "\(migrations.count): start the newer program again, or restore a backup from before the upgrade."
            )
        }
        return .ours(number: number)
    }

    private func isMarked(tables: [String], in transaction: any Transaction) throws -> Bool {
        guard tables.contains("schema_version") else { return false }
        // Another program's table of that name may have other columns, and a failed statement would end everything.
        let columns = try transaction.rows(Self.columns(transaction.dialect)).map { try $0.text("name") }
        guard Set(columns) == ["number", "name", "applied_at_ms"] else { return false }
        return try transaction.row("SELECT name FROM schema_version WHERE number = 0")?.text("name") == product
    }

    /// Tables and views where ours would stand; those of PostgreSQL's extensions don't count.
    private static func tables(_ dialect: Dialect) -> Query {
        switch dialect {
        case .sqlite:
            """
            SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT GLOB 'sqlite_*' ORDER BY name
            """
        case .postgres:
            """
            SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (
                SELECT 1 FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
            ) ORDER BY c.relname
            """
        }
    }

    private static func columns(_ dialect: Dialect) -> Query {
        switch dialect {
        case .sqlite: "SELECT name FROM pragma_table_info('schema_version')"
        case .postgres:
            """
            SELECT a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relname = 'schema_version' AND a.attnum > 0 AND NOT a.attisdropped
            """
        }
    }
}
