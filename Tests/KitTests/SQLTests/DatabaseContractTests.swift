import SQL
import TestSupport
import Testing

/// What both engines promise about values, statements and their errors; runs once on each.
@Suite("A database") struct DatabaseContractTests {
    @Test("brings every type back as it was", arguments: TestDatabase.allEngines)
    func roundTrip(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        try await database.write { transaction in
            try transaction.execute(
                ddl: """
                    CREATE TABLE sample (id \(transaction.dialect.identity), whole \(transaction.dialect.integer),
                    fraction DOUBLE PRECISION, words TEXT, raw \(transaction.dialect.bytes))
                    """)
        }
        let samples: [(Int64?, Double?, String?, [UInt8]?)] = [
            (nil, nil, nil, nil),
            (.max, .greatestFiniteMagnitude, "Grüße, 世界 👩‍👩‍👧 '; DROP TABLE sample; --", Array(0...255)),
            (.min, -0.1, "", []),
            (0, 1e-300, "a\u{1}\n\\x?", [0, 0]),
            (7, 2, String(repeating: "ü", count: 1 << 20), [UInt8](repeating: 0xAB, count: 3 << 20)),
        ]
        for (whole, fraction, words, raw) in samples {
            let row = try await database.write { transaction in
                let id = try transaction.number(
                    """
                    INSERT INTO sample (whole, fraction, words, raw) VALUES (\(whole), \(fraction), \(words), \(raw))
                    RETURNING id
                    """)
                let found = try transaction.row("SELECT * FROM sample WHERE id = \(id)")
                return try #require(found)
            }
            #expect(try row.integerIfAny("whole") == whole)
            #expect(try row.realIfAny("fraction") == fraction)
            #expect(try row.textIfAny("words") == words)
            #expect(try row.bytesIfAny("raw") == raw)
            // An empty value is not a missing one.
            if words == "" { #expect(try row.value("words") == .text("")) }
            if raw == [] { #expect(try row.value("raw") == .bytes([])) }
        }
    }

    @Test("answers counts, sums and conditions as whole numbers", arguments: TestDatabase.allEngines)
    func numbers(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let row = try await database.write { transaction in
            try transaction.run("INSERT INTO counter (id, value) VALUES (\(2), \(40)), (\(3), \(2))")
            return try transaction.row(
                """
                SELECT COUNT(*) AS n, SUM(value) AS total, EXISTS (SELECT 1 FROM child) AS has_child,
                    MAX(value) > \(39) AS is_large FROM counter WHERE name IS NULL
                """)
        }
        #expect(row?.values == [.integer(2), .integer(42), .integer(0), .integer(1)])
    }

    @Test("says how many rows a statement changed", arguments: TestDatabase.allEngines)
    func changedRows(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let counts = try await database.write { transaction in
            [
                try transaction.run("INSERT INTO counter (id, value) VALUES (\(2), \(5)), (\(3), \(5))"),
                try transaction.run("INSERT INTO counter (id, value) VALUES (\(2), \(5)) ON CONFLICT DO NOTHING"),
                try transaction.run("UPDATE counter SET value = value + 1 WHERE value = \(5)"),
                try transaction.run("DELETE FROM counter WHERE id = \(99)"),
            ]
        }
        #expect(counts == [2, 0, 2, 0])
    }

    @Test("takes a missing value wherever one may stand", arguments: TestDatabase.allEngines)
    func missingValues(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        for (name, expected) in [(nil, 1), ("one", 1), ("two", 0)] as [(String?, Int64)] {
            let count = try await database.read {
                try $0.number("SELECT COUNT(*) FROM counter WHERE (\(name) IS NULL OR name = \(name))")
            }
            #expect(count == expected)
        }
        let empty = [String]()
        #expect(
            try await database.read { try $0.rows("SELECT id FROM counter WHERE name IN (\(list: empty))") }.isEmpty)
    }

    @Test("leaves question marks in literals, names and comments alone", arguments: TestDatabase.allEngines)
    func questionMarks(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        let row = try await database.read {
            try $0.row("SELECT 'it''s ?' AS \"why?\", /* ? */ \(7) AS n -- ?\n")
        }
        #expect(try row?.text("why?") == "it's ?")
        #expect(try row?.integer("n") == 7)
    }

    @Test("names broken rules by kind, and changes nothing", arguments: TestDatabase.allEngines)
    func brokenRules(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let missing: Int? = nil
        let cases: [(Query, DatabaseError.Kind)] = [
            ("INSERT INTO counter (id, value) VALUES (\(1), \(0))", .uniqueViolation),
            ("INSERT INTO counter (id, value, name) VALUES (\(2), \(0), \("one"))", .uniqueViolation),
            ("INSERT INTO child (counter_id) VALUES (\(99))", .foreignKeyViolation),
            ("INSERT INTO counter (id, value) VALUES (\(2), \(missing))", .constraintViolation),
            ("INSERT INTO counter (id, value) VALUES (\(2), \(-1))", .constraintViolation),
            ("SELECT nothing FROM nowhere", .statement),
            ("SELEKT 1", .statement),
        ]
        for (query, kind) in cases {
            let error = await #expect(throws: DatabaseError.self) { try await database.write { try $0.run(query) } }
            #expect(error?.kind == kind, "\(query.sql): \(String(describing: error))")
            #expect(error?.sql == query.sql)
        }
        #expect(try await database.counterCount() == 1)
    }

    @Test("does not commit a body that caught the failure of a statement", arguments: TestDatabase.allEngines)
    func caughtFailure(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let error = await #expect(throws: DatabaseError.self) {
            try await database.write { transaction in
                try transaction.run("INSERT INTO counter (id, value) VALUES (\(2), \(0))")
                do { try transaction.run("INSERT INTO counter (id, value) VALUES (\(1), \(0))") } catch {}
            }
        }
        #expect(error?.kind == .uniqueViolation)
        #expect(try await database.counterCount() == 1)
    }

    @Test("changes nothing in a reading transaction", arguments: TestDatabase.allEngines)
    func readsOnly(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let attempts: [@Sendable (any Transaction) throws -> Void] = [
            { try $0.run("UPDATE counter SET value = 9") },
            { try $0.notify(Signal("something")) },
        ]
        for attempt in attempts {
            let error = await #expect(throws: DatabaseError.self) { try await database.read(attempt) }
            #expect(error?.kind == .statement)
        }
        #expect(try await database.value(ofCounter: 1) == 0)
    }

    @Test("SEC-Query injection: what is interpolated is a value, whatever it says", arguments: TestDatabase.allEngines)
    func injection(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let hostile = ["'; DROP TABLE counter; --", "one' OR '1'='1", "$1", "?", "\\'; DROP TABLE counter", "a_b", "%"]
        for text in hostile {
            #expect(
                try await database.read { try $0.number("SELECT COUNT(*) FROM counter WHERE name = \(text)") } == 0)
        }
        #expect(try await database.counterCount() == 1)
    }

    @Test("SEC-Query injection: refuses text with NUL instead of cutting it off", arguments: TestDatabase.allEngines)
    func refusesNUL(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        // Cut off, this would be the name of somebody else.
        let text = "one\u{0}two"
        let error = await #expect(throws: DatabaseError.self) {
            try await database.read { try $0.rows("SELECT id FROM counter WHERE name = \(text)") }
        }
        #expect(error?.kind == .statement)
    }

    @Test("SEC-Query injection: runs one statement at a time", arguments: TestDatabase.allEngines)
    func oneStatement(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        await #expect(throws: (any Error).self) {
            try await database.write { try $0.run("UPDATE counter SET value = 1; DELETE FROM counter") }
        }
        #expect(try await database.value(ofCounter: 1) == 0)
    }

    @Test("goes on with statements whose table another program has changed", arguments: TestDatabase.allEngines)
    func changedTable(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.makeWithTables()
        let newer = try database.another()
        let everything: Query = "SELECT * FROM counter WHERE id = \(1)"
        // On each connection that may serve the read below.
        for _ in 0..<4 { _ = try await database.read { try $0.row(everything) } }
        try await newer.write { try $0.execute(ddl: "ALTER TABLE counter ADD COLUMN note TEXT DEFAULT 'new'") }
        let row = try await database.read { try $0.row(everything) }
        #expect(try row?.text("name") == "one")
    }
}
