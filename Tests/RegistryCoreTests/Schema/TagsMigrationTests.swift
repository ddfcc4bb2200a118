import Foundation
import OCI
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("The migration of tags") struct TagsMigrationTests {
    @Test("marks the last row of every name, whatever its end", arguments: TestDatabase.allEngines)
    func marks(_ engine: TestDatabase.Engine) async throws {
        let database = try await engine.make()
        let before = Schema.migrations.prefix { $0.number < tagsMigration.number }
        try await Migrator(product: "test", migrations: Array(before)).migrate(database)
        let rows: [(Int, String, Int64, Int64?)] = [
            (1, "moved", 1, 2), (1, "moved", 2, nil), (1, "deleted", 1, 2), (2, "moved", 1, 2), (1, "_", 3, nil),
            (1, "A", 3, nil), (1, "a", 3, nil),
        ]
        try await database.write { transaction in
            try transaction.run(
                "INSERT INTO account (id, uuid, name, kind, created_ms) VALUES (1, 'u', 'owner', 'user', 0)")
            for id in [1, 2] {
                try transaction.run(
                    """
                    INSERT INTO repository (id, uuid, namespace_id, name, visibility, badge_token, created_ms)
                    VALUES (\(id), \("r\(id)"), 1, \("app\(id)"), 'private', 'b', 0)
                    """)
                try transaction.run(
                    """
                    INSERT INTO manifest (id, repository_id, digest, media_type, body, created_ms)
                    VALUES (\(id), \(id), \(Digest(of: [UInt8(id)]).text), 'm', \([UInt8]()), 0)
                    """)
            }
            for (repository, name, start, end) in rows {
                try transaction.run(
                    """
                    INSERT INTO tag (repository_id, name, manifest_id, lifetime_start_ms, lifetime_end_ms)
                    VALUES (\(repository), \(name), \(repository), \(start), \(end))
                    """)
            }
        }
        try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
        let marks = try await database.read {
            try $0.rows("SELECT is_current FROM tag ORDER BY id").map { try $0.bool("is_current") }
        }
        #expect(marks == [false, true, true, true, true, true, true])
        // The engine sorts by bytes from now on.
        let names = try await database.read {
            try TagStore.names(
                inRepository: 1, after: "", limit: 10, at: Date(timeIntervalSince1970: 1), in: $0)
        }
        #expect(names == ["A", "_", "a", "moved"])
    }
}
