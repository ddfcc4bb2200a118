import Foundation
import Runtime
import SQL
import TestSupport
import Testing

@Suite("Migrator") struct MigratorTests {
    private static let first = Migration(1, "Accounts") { transaction in
        try transaction.execute(ddl: "CREATE TABLE account (id \(transaction.dialect.identity), name TEXT NOT NULL)")
    }
    private static let second = Migration(2, "Avatars") { transaction in
        try transaction.execute(ddl: "ALTER TABLE account ADD COLUMN avatar TEXT")
    }
    private static let broken = Migration(2, "Broken") { transaction in
        try transaction.execute(ddl: "CREATE TABLE half (id \(transaction.dialect.integer))")
        try transaction.execute(ddl: "CREATE TABLE account (id \(transaction.dialect.integer))")
    }

    private static func migrator(_ migrations: [Migration] = [first, second]) -> Migrator {
        let clock = WallClock(now: { Date(timeIntervalSince1970: 1_700_000_000) }, sleep: { _ in await Task.yield() })
        return Migrator(product: "buildman", migrations: migrations, clock: clock)
    }

    @Test("makes a fresh database current, and then has nothing to do", arguments: TestDatabase.allEngines)
    func fresh(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        #expect(try await Self.migrator().state(of: database) == .empty)
        #expect(try await Self.migrator().isCurrent(database) == false)
        #expect(try await Self.migrator([Self.first]).migrate(database) == [1])
        #expect(try await Self.migrator().isCurrent(database) == false)
        #expect(try await Self.migrator().migrate(database) == [2])
        #expect(try await Self.migrator().migrate(database) == [])
        #expect(try await Self.migrator().isCurrent(database))
        let rows = try await database.write { transaction in
            try transaction.run("INSERT INTO account (name, avatar) VALUES ('a', 'b')")
            return try transaction.rows("SELECT number, name, applied_at_ms FROM schema_version ORDER BY number")
        }
        #expect(
            rows.map(\.values) == [
                [.integer(0), .text("buildman"), .integer(1_700_000_000_000)],
                [.integer(1), .text("Accounts"), .integer(1_700_000_000_000)],
                [.integer(2), .text("Avatars"), .integer(1_700_000_000_000)],
            ])
    }

    @Test("applies all of it or nothing", arguments: TestDatabase.allEngines)
    func allOrNothing(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        await #expect(throws: DatabaseError.self) {
            try await Self.migrator([Self.first, Self.broken]).migrate(database)
        }
        #expect(try await Self.migrator().state(of: database) == .empty)
    }

    @Test("migrates once when several programs start together", arguments: TestDatabase.allEngines)
    func together(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<6 {
                let mine = try database.another()
                group.addTask { try await Self.migrator().migrate(mine) }
            }
            return try await group.reduce(into: [Int]()) { $0 += $1 }
        }
        #expect(applied == [1, 2])
    }

    /// Databases of others, and what the sentence must name.
    private static let foreign: [(ddl: String, named: String)] = [
        ("CREATE TABLE alembic_version (version_num TEXT)", "alembic_version"),
        ("CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('x')", "Quay"),
        ("CREATE TABLE wp_posts (id INTEGER); INSERT INTO wp_posts VALUES (1)", "wp_posts"),
        ("CREATE TABLE wp_posts (id INTEGER)", "wp_posts"),
        ("CREATE VIEW answers AS SELECT 42 AS answer", "answers"),
        ("CREATE TABLE schema_version (version INTEGER)", "schema_version"),
        ("CREATE TABLE schema_version (number INTEGER, name TEXT, applied_at_ms INTEGER)", "schema_version"),
    ]

    @Test("refuses a database that belongs to others, and changes nothing", arguments: TestDatabase.allEngines)
    func refusesForeign(_ engine: TestDatabase.Engine) async throws {
        for (ddl, named) in Self.foreign {
            let database = try await engine.make()
            try await database.write { try $0.execute(ddl: ddl) }
            let before = try await Self.tables(database)
            for attempt in [
                { _ = try await Self.migrator().migrate(database) },
                { _ = try await Self.migrator().isCurrent(database) },
                { try await Self.migrator().wait(for: database, until: .distantFuture) },
            ] {
                let error = await #expect(throws: DatabaseError.self) { try await attempt() }
                #expect(error?.kind == .foreignSchema)
                #expect(error?.message.contains(named) == true, "\(String(describing: error))")
            }
            #expect(try await Self.tables(database) == before)
        }
    }

    @Test("refuses Quay's tables beside ours, too", arguments: TestDatabase.allEngines)
    func refusesMixed(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        try await Self.migrator().migrate(database)
        try await database.write { try $0.execute(ddl: "CREATE TABLE alembic_version (version_num TEXT)") }
        await #expect(throws: DatabaseError.self) { try await Self.migrator().migrate(database) }
    }

    @Test("refuses another product's schema and a newer one of ours", arguments: TestDatabase.allEngines)
    func refusesNewer(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        try await Self.migrator().migrate(database)
        let older = await #expect(throws: DatabaseError.self) {
            try await Self.migrator([Self.first]).migrate(database)
        }
        #expect(older?.kind == .foreignSchema)
        #expect(older?.message.contains("version 2") == true)
        let other = await #expect(throws: DatabaseError.self) {
            try await Migrator(product: "somebody", migrations: [Self.first, Self.second]).migrate(database)
        }
        #expect(other?.kind == .foreignSchema)
    }

    @Test("waits until another program has migrated", arguments: TestDatabase.allEngines)
    func waits(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        let other = try database.another()
        async let ready: Void = Self.migrator().wait(for: database, until: .distantFuture)
        try await Self.migrator([Self.first]).migrate(other)
        try await Self.migrator().migrate(other)
        try await ready
        let late = await #expect(throws: DatabaseError.self) {
            try await Self.migrator([Self.first, Self.second, Migration(3, "More") { _ in }]).wait(
                for: database, until: .distantPast)
        }
        #expect(late?.kind == .unreachable)
    }

    private static func tables(_ database: TestDatabase) async throws -> [String] {
        let query: Query =
            database.dialect == .sqlite
            ? "SELECT name FROM sqlite_master ORDER BY name"
            : "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname"
        return try await database.read { try $0.rows(query).map { try $0.text("name") } }
    }
}
