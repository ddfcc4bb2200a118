import Domain
import Foundation
import OCI
import SQL
import TestSupport
import Testing

@testable import RegistryCore

/// Runs statements, and keeps them for their plans to be asked for.
private final class RecordingTransaction: Transaction {
    let base: any Transaction
    private(set) var queries: [Query] = []
    var dialect: Dialect { base.dialect }

    init(_ base: any Transaction) { self.base = base }

    func rows(_ query: Query) throws -> [Row] {
        queries.append(query)
        return try base.rows(query)
    }

    func run(_ query: Query) throws -> Int {
        queries.append(query)
        return try base.run(query)
    }

    func execute(ddl: String) throws { try base.execute(ddl: ddl) }
    func notify(_ signal: Signal) throws { try base.notify(signal) }
}

/// What clients ask for most must not read a table from end to end, however large it has grown.
@Suite("Query plans") struct QueryPlanTests {
    /// A store's question, and its name.
    struct Question: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let ask: @Sendable (any Transaction) throws -> Void

        init(_ name: String, _ ask: @escaping @Sendable (any Transaction) throws -> Void) {
            testDescription = name
            self.ask = ask
        }
    }

    static let now = Date(timeIntervalSince1970: 1_700_000_000)
    static let position = CatalogStore.Position(after: "owner/app")

    static let questions = [
        Question("a repository by name") { _ = try RepositoryStore.find(RepositoryName("owner/app"), in: $0) },
        Question("a manifest by tag") {
            _ = try ManifestStore.find(TagName("latest"), inRepository: 1, at: now, in: $0)
        },
        Question("a manifest by digest") { _ = try ManifestStore.find(Digest(of: [1]), inRepository: 1, in: $0) },
        Question("whether a manifest is reachable") { _ = try ManifestStore.isReachable(1, at: now, in: $0) },
        Question("a blob of a repository") { _ = try BlobStore.all(Digest(of: [1]), inRepository: 1, in: $0) },
        Question("whether a tag was there") {
            _ = try TagStore.existed(TagName("latest"), inRepository: 1, in: $0)
        },
        Question("tag names") {
            _ = try TagStore.names(inRepository: 1, after: "a", limit: 100, at: now, in: $0)
        },
        Question("catalog: namespaces of one's own") {
            _ = try CatalogStore.owned(by: 1, from: position, limit: 100, in: $0)
        },
        Question("catalog: namespaces with something public") {
            _ = try CatalogStore.open(from: position, limit: 100, in: $0)
        },
        Question("catalog: a namespace's repositories") {
            _ = try CatalogStore.names(inNamespace: 1, isPublicOnly: false, after: "a", limit: 100, in: $0)
        },
        Question("catalog: a namespace's public repositories") {
            _ = try CatalogStore.names(inNamespace: 1, isPublicOnly: true, after: "a", limit: 100, in: $0)
        },
        Question("catalog: what one was granted") {
            _ = try CatalogStore.granted(to: 1, after: position, limit: 100, in: $0)
        },
        Question("the next build") {
            _ = try WorkQueue.candidates(
                .dockerfileBuild, ClaimRule(at: now, order: .fairShare), { _ in true }, in: $0)
        },
        Question("when the next build comes") {
            _ = try WorkQueue.nextAvailability(of: .dockerfileBuild, after: now, in: $0)
        },
        Question("how many builds a namespace has") {
            _ = try WorkQueue.aliveCount(inLaneOf: .builds(in: Username("owner")), at: now, in: $0)
        },
        Question("how many builds run") { _ = try BuildAttemptStore.liveCount(in: $0) },
    ]

    private static let tables = [
        "tag", "manifest", "manifest_child", "repository", "repository_permission", "repository_blob", "blob",
        "queue_item", "queue_item item", "build_attempt",
    ]

    @Test("no table that grows is read from end to end", arguments: TestDatabase.allEngines, questions)
    func readsByIndex(engine: TestDatabase.Engine, question: Question) async throws {
        let fixture = try await BuildFixture(engine)
        let plans = try await fixture.database.write { transaction in
            // With next to no rows PostgreSQL would read all of them, and be right.
            if transaction.dialect == .postgres { try transaction.execute(ddl: "SET LOCAL enable_seqscan = off") }
            let recording = RecordingTransaction(transaction)
            try question.ask(recording)
            return try recording.queries.map { try Self.plan(of: $0, in: transaction) }
        }
        #expect(!plans.isEmpty)
        for plan in plans {
            #expect(Self.fullReads(in: plan, engine).isEmpty, "\(plan.joined(separator: "\n"))")
        }
    }

    @Test("a read from end to end would be noticed", arguments: TestDatabase.allEngines)
    func wouldFail(engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        let plan = try await fixture.database.write { transaction in
            if transaction.dialect == .postgres { try transaction.execute(ddl: "SET LOCAL enable_seqscan = off") }
            return try Self.plan(of: "SELECT 1 FROM tag AS t WHERE reversion = 1", in: transaction)
        }
        #expect(!Self.fullReads(in: plan, engine).isEmpty, "\(plan.joined(separator: "\n"))")
    }

    private static func plan(of query: Query, in transaction: any Transaction) throws -> [String] {
        switch transaction.dialect {
        case .sqlite: try transaction.rows("EXPLAIN QUERY PLAN \(query)").map { try $0.text("detail") }
        case .postgres: try transaction.rows("EXPLAIN \(query)").map { try $0.text("QUERY PLAN") }
        }
    }

    /// The lines that read a whole table. SQLite names tables by their aliases, so that only what isn't a table is let
    /// through.
    private static func fullReads(in plan: [String], _ engine: TestDatabase.Engine) -> [String] {
        switch engine {
        case .sqlite:
            let harmless = [
                "SCAN holder", "SCAN way", "SCAN held", "SCAN CONSTANT ROW", "SCAN place", "SCAN line",
                "SCAN (subquery-",
            ]
            return plan.filter { line in line.hasPrefix("SCAN ") && !harmless.contains { line.hasPrefix($0) } }
        case .postgres:
            return plan.filter { line in
                tables.contains { line.contains("Seq Scan on \($0) ") || line.hasSuffix("Seq Scan on \($0)") }
            }
        }
    }
}
