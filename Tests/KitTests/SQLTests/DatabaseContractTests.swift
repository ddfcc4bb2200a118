import SQL
import TestSupport
import Testing

/// What both engines promise; runs once on each.
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
            (7, 2, String(repeating: "ü", count: 1 << 20), [UInt8](repeating: 0xAB, count: 8 << 20)),
        ]
        for (whole, fraction, words, raw) in samples {
            let row = try await database.write { transaction in
                let id = try transaction.number(
                    """
                    INSERT INTO sample (whole, fraction, words, raw) VALUES (\(whole), \(fraction), \(words), \(raw))
                    RETURNING id
                    """)
                return try #require(try transaction.row("SELECT * FROM sample WHERE id = \(id)"))
            }
            #expect(try row.integerIfAny("whole") == whole)
            #expect(try row.realIfAny("fraction") == fraction)
            #expect(try row.textIfAny("words") == words)
            #expect(try row.bytesIfAny("raw") == raw)
            if words == "" { #expect(try row.value("words") == .text("")) }
            if raw == [] { #expect(try row.value("raw") == .bytes([])) }
        }
    }
}
