import SQL
import Testing

@testable import PostgresDriver

@Suite("PostgreSQL placeholders") struct PlaceholdersTests {
    @Test(
        "are numbered, but not inside literals, names and comments",
        arguments: [
            ("SELECT 1", "SELECT 1", 0),
            ("a = ? AND b IN (?, ?)", "a = $1 AND b IN ($2, $3)", 3),
            ("?", "$1", 1),
            ("'?' || ?", "'?' || $1", 1),
            ("'it''s ?' || ?", "'it''s ?' || $1", 1),
            ("'unclosed ?", "'unclosed ?", 0),
            (#""odd ? name" = ?"#, #""odd ? name" = $1"#, 1),
            ("? -- why?\n+ ?", "$1 -- why?\n+ $2", 2),
            ("? -- ends here?", "$1 -- ends here?", 1),
            ("? /* a ? /* nested ? */ still ? */ + ?", "$1 /* a ? /* nested ? */ still ? */ + $2", 2),
            ("? /* unclosed ?", "$1 /* unclosed ?", 1),
            ("a - ? / ? -? /?", "a - $1 / $2 -$3 /$4", 4),
            ("'ü?ü' = ? -- 世?", "'ü?ü' = $1 -- 世?", 1),
        ])
    func numbered(_ text: String, _ expected: String, _ count: Int) {
        let placeholders = Placeholders(text)
        #expect(placeholders.sql == expected)
        #expect(placeholders.count == count)
    }

    @Test(
        "before IS need a type of their own",
        arguments: [
            ("? IS NULL OR name = ?", [0]), ("name = ? AND ?  is not null", [1]), ("? ISLAND", []), ("?IS NULL", []),
            ("?\nIS NULL", [0]), ("? I", []), ("?", []),
        ] as [(String, Set<Int>)])
    func untyped(_ text: String, _ expected: Set<Int>) {
        #expect(Placeholders(text).untyped == expected)
    }
}

@Suite("PostgreSQL error codes") struct SQLStateTests {
    @Test(
        "have a kind",
        arguments: [
            ("23505", .uniqueViolation), ("23503", .foreignKeyViolation), ("23502", .constraintViolation),
            ("23514", .constraintViolation), ("40001", .conflict), ("40P01", .conflict), ("53100", .diskFull),
            ("08006", .unreachable), ("28P01", .unreachable), ("3D000", .unreachable), ("57P03", .unreachable),
            ("53300", .unreachable), ("42601", .statement), ("22P02", .statement), (nil, .unreachable),
        ] as [(String?, DatabaseError.Kind)])
    func kinds(_ state: String?, _ kind: DatabaseError.Kind) {
        #expect(SQLState.kind(of: state) == kind)
    }
}

@Suite("The rule for retries") struct RetryRuleTests {
    @Test("doubles the longest pause up to a limit, and gives up") func pauses() {
        var rule = RetryRule()
        let pauses = (0..<RetryRule.mostConflicts).map { _ in rule.pauseAfterConflict() }
        #expect(pauses.prefix(9) == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 100_000, 100_000])
        #expect(pauses.last == 100_000)
        #expect(rule.pauseAfterConflict() == nil)
    }

    @Test("replaces a broken connection twice") func reconnections() {
        var rule = RetryRule()
        #expect([rule.mayReconnect(), rule.mayReconnect(), rule.mayReconnect()] == [true, true, false])
    }
}
