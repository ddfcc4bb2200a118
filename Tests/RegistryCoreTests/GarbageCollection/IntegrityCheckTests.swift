import Domain
import Foundation
import NIOCore
import OCI
import ObjectStorage
import SQL
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

@Suite("fsck") struct IntegrityCheckTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        let kinds: Set<IntegrityFinding.Kind>
        let make: @Sendable (Depot, Blob) async throws -> Void
        var testDescription: String { kinds.map(\.rawValue).sorted().joined(separator: " and ") }

        static func sql(_ kinds: IntegrityFinding.Kind..., query: @escaping @Sendable (Blob) -> Query) -> Damage {
            Damage(kinds: Set(kinds)) { depot, blob in
                _ = try await depot.core.database.write { try $0.run(query(blob)) }
            }
        }
    }

    static let damages = [
        Damage(kinds: [.missingObject]) { try await $0.core.platform.objects.delete($1.key) },
        Damage(kinds: [.wrongBytes]) { depot, blob in
            try await depot.core.platform.objects.delete(blob.key)
            try await depot.core.platform.objects.put(ByteBuffer(string: "rotte"), as: blob.key)
        },
        Damage(kinds: [.wrongSize]) { depot, blob in
            try await depot.core.platform.objects.delete(blob.key)
            try await depot.core.platform.objects.put(
                ByteBuffer(string: "short"[..<"short".endIndex] + "er"), as: blob.key)
        },
        Damage.sql(.unreadableBlob) { "DELETE FROM repository_blob WHERE blob_id = \($0.id)" },
        Damage.sql(.manifestLinks) { "DELETE FROM manifest_blob WHERE blob_id = \($0.id)" },
        Damage.sql(.wrongManifest) { _ in "UPDATE manifest SET body = \(Array("{}".utf8))" },
        Damage.sql(.unlinkedBlob) { _ in
            "INSERT INTO blob (digest, size_bytes, location, object_key, created_ms) SELECT digest, size_bytes, location || '2', object_key, 0 FROM blob WHERE size_bytes = 6"
        },
        Damage.sql(.strayTag) { _ in
            "UPDATE tag SET repository_id = (SELECT MAX(id) FROM repository)"
        },
        Damage.sql(.missingFile) { _ in
            """
            INSERT INTO user_file (uuid, account_id, mime_type, location, object_key, created_ms, stored_ms)
                SELECT 'file', id, 'a/b', 'memory', 'userfiles/fi/file', 0, 0 FROM account WHERE kind = 'user'
            """
        },
        Damage(kinds: [.orphanObject]) { depot, _ in
            try await depot.core.platform.objects.put(
                ByteBuffer(string: "orphan"), as: ObjectKey(area: "blobs", identifier: "orphan"))
            depot.core.advance(IntegrityCheck.orphanAge + 200_000_000)
        },
    ]

    private static func check(
        _ depot: Depot, depth: IntegrityCheck.Depth = .bytes, orphans: IntegrityCheck.Orphans = .list
    ) async throws -> (findings: [IntegrityFinding], summary: IntegrityCheck.Summary) {
        let found = Mutex<[IntegrityFinding]>([])
        let summary = try await IntegrityCheck(platform: depot.core.platform, depth: depth, orphans: orphans)
            .run { finding in found.withLock { $0.append(finding) } }
        return (found.withLock { $0 }, summary)
    }

    private static func depot(_ engine: TestDatabase.Engine = .sqlite) async throws -> Depot {
        let depot = try await Depot(engine, repositories: ["owner/app", "owner/other"])
        let child = try await depot.pushImage("layer", tag: "v1")
        try await depot.push(Depot.index([child]), tag: "all")
        try await depot.pushImage("signature", subject: child)
        return depot
    }

    @Test("finds nothing where everything is in order", arguments: TestDatabase.allEngines)
    func clean(engine: TestDatabase.Engine) async throws {
        let depot = try await Self.depot(engine)
        let (findings, summary) = try await Self.check(depot)
        #expect(findings == [])
        #expect(summary.blobs == 3)
        #expect(summary.manifests == 3)
        #expect(summary.objects == 3)
        #expect(summary.bytes == 20)
    }

    @Test("says what is damaged, and what to do", arguments: damages) func finds(_ damage: Damage) async throws {
        let depot = try await Self.depot()
        let blob = try await depot.upload("layer")
        try await depot.collect()
        #expect(try await Self.check(depot).findings == [])
        try await damage.make(depot, blob)
        let findings = try await Self.check(depot).findings
        // An unlinked copy elsewhere has no object there either.
        #expect(Set(findings.map(\.kind)).subtracting(damage.kinds).subtracting([.missingObject]).isEmpty)
        #expect(damage.kinds.isSubset(of: findings.map(\.kind)), "\(findings)")
        for finding in findings { #expect(!finding.description.contains("\n")) }
    }

    @Test("does not read the bytes when asked for sizes only") func quick() async throws {
        let depot = try await Self.depot()
        try await Self.damages[1].make(depot, depot.upload("layer"))
        #expect(try await Self.check(depot, depth: .sizes).findings == [])
    }

    @Test("deletes objects without a row only when asked, and only old ones") func orphans() async throws {
        let depot = try await Self.depot()
        let key = try ObjectKey(area: "blobs", identifier: "orphan")
        try await depot.core.platform.objects.put(ByteBuffer(string: "orphan"), as: key)
        #expect(try await Self.check(depot, orphans: .delete).summary.deletedObjects == 0)
        depot.core.advance(IntegrityCheck.orphanAge + 200_000_000)
        #expect(try await Self.check(depot).summary.findings == 1)
        #expect(try await depot.core.platform.objects.content(of: key) != nil)
        #expect(try await Self.check(depot, orphans: .delete).summary.deletedObjects == 1)
        #expect(try await depot.core.platform.objects.content(of: key) == nil)
        #expect(try await Self.check(depot).findings == [])
        #expect(try await depot.hasBlob("layer"))
    }

    @Test("finds nothing while clients push and the collector works") func underLoad() async throws {
        let run = try await CollectionModelRun(.sqlite, seed: 7)
        // Old enough that an object without a row would be said at once.
        run.depot.core.advance(200_000_000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    var lane = CollectionModelLane("lane\(number)", seed: UInt64(number))
                    _ = try await lane.work(150, on: run)
                }
            }
            group.addTask {
                for _ in 0..<10 {
                    // Not past a pin: what clients were promised stays.
                    run.depot.core.advance(60)
                    try await run.collect()
                }
            }
            group.addTask {
                for _ in 0..<10 {
                    let findings = try await Self.check(run.depot).findings
                    #expect(findings == [])
                }
            }
            try await group.waitForAll()
        }
    }
}
