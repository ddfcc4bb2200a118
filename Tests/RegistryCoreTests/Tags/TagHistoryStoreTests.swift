import Domain
import Foundation
import OCI
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Lists of tags") struct TagHistoryStoreTests {
    /// Rows of `owner/app`, written as they stand: name, start, end, and whether the row is the last of its name.
    private struct Row {
        let name: String
        let start: Int64
        var end: Int64?
        var isCurrent = true
        var isHidden = false
    }

    private let now = Date(timeIntervalSince1970: 100)

    private func database(_ engine: TestDatabase.Engine, _ rows: [Row]) async throws -> TestDatabase {
        let fixture = try await BuildFixture(engine)
        try await fixture.database.write { transaction in
            for repository in [1, 3] {
                try transaction.run(
                    """
                    INSERT INTO manifest (id, repository_id, digest, media_type, body, layers_size_bytes, created_ms)
                    VALUES (\(repository), \(repository), \(Digest(of: [UInt8(repository)]).text),
                        \(MediaType.ociImage.text), \([UInt8]()), 7, 0)
                    """)
            }
            // Another repository with the same names, which no list of this one may show.
            for (repository, rows) in [(1, rows), (3, [Row(name: "foreign", start: 50_000)])] {
                for row in rows {
                    try transaction.run(
                        """
                        INSERT INTO tag (repository_id, name, manifest_id, lifetime_start_ms, lifetime_end_ms,
                            is_current, hidden)
                        VALUES (\(repository), \(row.name), \(repository), \(row.start), \(row.end),
                            \(row.isCurrent), \(row.isHidden))
                        """)
                }
            }
        }
        return fixture.database
    }

    private func names(
        _ database: TestDatabase, _ filter: TagHistoryStore.Filter,
        from start: TagHistoryStore.Start = .skipping(0),
        limit: Int = 100
    ) async throws -> [String] {
        try await list(database, filter, from: start, limit: limit).map(\.name)
    }

    private func list(
        _ database: TestDatabase, _ filter: TagHistoryStore.Filter, from start: TagHistoryStore.Start,
        limit: Int
    ) async throws -> [TagHistoryStore.Entry] {
        let now = now
        return try await database.read {
            try TagHistoryStore.list(filter, inRepository: 1, from: start, limit: limit, at: now, in: $0)
        }
    }

    private let sample = [
        Row(name: "a", start: 1000, end: 2000, isCurrent: false), Row(name: "a", start: 2000),
        Row(name: "b", start: 3000, end: 90_000, isCurrent: false),
        Row(name: "expired", start: 4000, end: 99_999),
        Row(name: "expiring", start: 5000, end: 100_001),
        Row(name: "$temp-1", start: 9000, isHidden: true),
        Row(name: "B", start: 2000), Row(name: "_", start: 2000),
    ]

    @Test(
        "the newest start comes first, then names in byte order; hidden rows never",
        arguments: TestDatabase.allEngines)
    func order(_ engine: TestDatabase.Engine) async throws {
        let database = try await database(engine, sample)
        #expect(try await names(database, .init()) == ["expiring", "expired", "b", "B", "_", "a", "a"])
        #expect(try await names(database, .init(isAliveOnly: true)) == ["expiring", "B", "_", "a"])
        #expect(try await names(database, .init(.exactly(TagName("a")))) == ["a", "a"])
        #expect(try await names(database, .init(.exactly(TagName("a")), isAliveOnly: true)) == ["a"])
        #expect(try await names(database, .init(.exactly(TagName("foreign")))) == [])
        let first = try #require(try await list(database, .init(), from: .skipping(0), limit: 1).first)
        #expect(
            first.layersSizeBytes == 7 && first.mediaType == MediaType.ociImage.text
                && first.isAlive(at: now))
    }

    @Test(
        "SEC-Query injection: in a part of a name every character stands for itself",
        arguments: TestDatabase.allEngines)
    func patterns(_ engine: TestDatabase.Engine) async throws {
        let rows = ["a_b", "axb", "a.b", "A_B", "a-b", "aab"].map { Row(name: $0, start: 1) }
        let database = try await database(engine, rows)
        for (part, expected) in [
            ("a_b", ["A_B", "a_b"]), ("_", ["A_B", "a_b"]), ("%", []), ("a%b", []), (".", ["a.b"]),
            ("\\", []),
            ("AXB", ["axb"]), ("' OR 1=1 --", []), ("a", ["A_B", "a-b", "a.b", "a_b", "aab", "axb"]),
            ("a*", []),
        ] as [(String, [String])] {
            #expect(try await names(database, .init(.containing(part))) == expected, "\(part)")
        }
    }

    @Test(
        "pages by number and by position are the same, with rows that began together",
        arguments: TestDatabase.allEngines)
    func pages(_ engine: TestDatabase.Engine) async throws {
        var rows: [Row] = []
        for number in 0..<20 {
            // Before 2001 a Date has not the precision of a millisecond.
            let start = 1_700_000_000_000 + Int64(number / 3)
            rows.append(Row(name: "t\(number % 7)", start: start, end: start + 50, isCurrent: false))
        }
        let database = try await database(engine, rows)
        let all = try await list(database, .init(), from: .skipping(0), limit: 100)
        #expect(all.count == 20)
        for limit in [1, 3, 7] {
            var (byNumber, byPosition): ([Int64], [Int64]) = ([], [])
            var start = TagHistoryStore.Start.skipping(0)
            for page in 0...(20 / limit) {
                byNumber += try await list(database, .init(), from: .skipping(page * limit), limit: limit)
                    .map(\.id)
                let next = try await list(database, .init(), from: start, limit: limit)
                byPosition += next.map(\.id)
                if let last = next.last { start = .after(last.position) }
            }
            #expect(byNumber == all.map(\.id))
            #expect(byPosition == all.map(\.id))
        }
    }

    @Test(
        "every list reads an index in its order and sorts no rows that it doesn't answer",
        arguments: [
            TagHistoryStore.Filter(), .init(isAliveOnly: true), .init(.containing("x")),
            .init(.containing("x"), isAliveOnly: true),
        ])
    func plans(_ filter: TagHistoryStore.Filter) async throws {
        let database = try await database(.sqlite, sample)
        let now = now
        let plan = try await database.read { transaction in
            let page = TagHistoryStore.page(filter, 1, .skipping(5), 10, now)
            return try transaction.rows("EXPLAIN QUERY PLAN \(page)").map { try $0.text("detail") }
        }
        #expect(
            plan.contains {
                $0.contains("COVERING INDEX \(filter.isAliveOnly ? "tag_newest" : "tag_history")")
            }, "\(plan)")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
    }

    @Test("one name is found by an index, alive without its history", arguments: [false, true])
    func lookups(_ isAliveOnly: Bool) async throws {
        let database = try await database(.sqlite, sample)
        let (name, now) = (try TagName("a"), now)
        let plan = try await database.read { transaction in
            let page =
                isAliveOnly
                ? TagHistoryStore.current(name, 1)
                : TagHistoryStore.page(.init(.exactly(name)), 1, .skipping(0), 10, now)
            return try transaction.rows("EXPLAIN QUERY PLAN \(page)").map { try $0.text("detail") }
        }
        let index = isAliveOnly ? "tag_current" : "tag_history_of_name"
        #expect(plan.contains { $0.contains("COVERING INDEX \(index)") }, "\(plan)")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
    }
}
