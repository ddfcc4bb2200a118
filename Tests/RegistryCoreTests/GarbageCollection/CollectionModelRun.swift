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

/// The real services and the model side by side.
final class CollectionModelRun: Sendable {
    static let repositories = ["owner/a", "owner/b", "acme/c"]
    static let blobs = (0..<30).map { "blob number \($0) of the model" }

    let depot: Depot
    let model: Mutex<CollectionModel>
    let seed: UInt64
    private let proofs = Mutex<[String: RepositoryAccess]>([:])

    init(_ engine: TestDatabase.Engine, seed: UInt64) async throws {
        depot = try await Depot(engine, repositories: ["owner/a", "owner/b"])
        try await depot.core.organization("acme", of: depot.owner)
        try await depot.core.repository("acme/c", of: depot.owner)
        self.seed = seed
        model = Mutex(
            CollectionModel(
                repositories: Dictionary(uniqueKeysWithValues: Self.repositories.map { ($0, .init()) }),
                windows: ["owner": Depot.window, "acme": Depot.window]))
    }

    var now: Date { depot.core.now }
    var registry: Registry { depot.registry }

    func proof(_ name: String) async throws -> RepositoryAccess {
        if let known = proofs.withLock({ $0[name] }) { return known }
        let proof = try await depot.proof(name, .admin)
        proofs.withLock { $0[name] = proof }
        return proof
    }

    func fail(_ sentence: String) { Issue.record("seed \(seed): \(sentence)") }

    /// What nothing reaches now may be gone from now on.
    func doubt() {
        let now = self.now
        model.withLock { model in
            for name in Self.repositories { model.doubt(name, at: now) }
        }
    }

    /// One pass of everything in the background, which may find another pass under way.
    func collect() async throws {
        let collection = CollectionStep(platform: depot.core.platform) { await Task.yield() }
        _ = try await collection.run()
    }

    /// What only happens while no lane works: time, settings, and deletions that concern what other lanes have.
    func interlude(_ chance: inout SeededGenerator) async throws {
        let now = self.now
        let name = Self.repositories.randomElement(using: &chance) ?? ""
        switch Int.random(in: 0..<20, using: &chance) {
        case 0..<10:
            let steps: [TimeInterval] = [1, 600, 1801, 3601, 7200, 86_400, Depot.window + 1]
            depot.core.advance(steps.randomElement(using: &chance) ?? 1)
        case 10, 11:
            let window: TimeInterval = [0, 86_400, Depot.window].randomElement(using: &chance) ?? 0
            let namespace = String(name.prefix { $0 != "/" })
            try await depot.core.database.write {
                try $0.run("UPDATE account SET removed_tag_expiration_s = \(Int(window)) WHERE name = \(namespace)")
            }
            model.withLock { model in
                // What a shorter window had given up may be gone.
                for name in Self.repositories { model.doubt(name, at: now) }
                model.windows[namespace] = window
                for name in Self.repositories { model.doubt(name, at: now) }
            }
        case 12:
            try await registry.repositories.delete(proof(name))
            try await depot.core.repository(name, of: depot.owner)
            proofs.withLock { $0[name] = nil }
            model.withLock { model in
                let generation = model.repositories[name]?.generation ?? 0
                model.repositories[name] = .init(generation: generation + 1)
            }
        case 13..<16:
            guard
                let digest = model.withLock({ $0.repositories[name]?.present.sorted(by: { $0.text < $1.text }) })?
                    .randomElement(using: &chance)
            else { return }
            do { try await registry.manifests.delete(.digest(digest), in: proof(name)) } catch let error
                as RegistryError where [.manifestUnknown, .unsupported].contains(error.kind)
            { return }
            model.withLock { $0.end(pointingAt: digest, in: name, at: now) }
        default:
            let blob = Self.blobs.randomElement(using: &chance) ?? ""
            let isUsed = model.withLock { model in
                model.blobs(of: model.reachable(name, at: now, alsoMaybe: true)).contains(blob)
            }
            guard !isUsed else { return }
            do { try await registry.blobRemoval.delete(Depot.digest(blob), in: proof(name)) } catch let error
                as RegistryError where error.kind == .blobUnknown
            { return }
            model.withLock { $0.repositories[name]?.pins[blob] = nil }
        }
    }

    private struct Stored {
        var manifests: [String: Set<Digest>] = [:]
        var links: [String: Set<String>] = [:]
        var rows: [String: Int] = [:]
        var objects: [Digest: ObjectKey] = [:]
    }

    private func stored() async throws -> Stored {
        try await depot.core.database.read { transaction in
            var stored = Stored()
            let names = try transaction.rows(
                """
                SELECT repository.id, namespace.name || '/' || repository.name AS name FROM repository
                    JOIN account AS namespace ON namespace.id = repository.namespace_id WHERE repository.state = 0
                """
            ).reduce(into: [Int64: String]()) { $0[try $1.integer("id")] = try $1.text("name") }
            for row in try transaction.rows("SELECT repository_id, digest, body FROM manifest") {
                guard let name = names[try row.integer("repository_id")] else { continue }
                let digest = try Digest(try row.text("digest"))
                let body = try row.bytes("body")
                #expect(Digest(of: body) == digest)
                stored.manifests[name, default: []].insert(digest)
            }
            let texts = Dictionary(uniqueKeysWithValues: Self.blobs.map { (Depot.digest($0).text, $0) })
            for row in try transaction.rows(
                """
                SELECT repository_blob.repository_id, blob.digest FROM repository_blob
                    JOIN blob ON blob.id = repository_blob.blob_id WHERE repository_blob.hidden = 0
                """)
            {
                guard let name = names[try row.integer("repository_id")], let text = texts[try row.text("digest")]
                else { continue }
                stored.links[name, default: []].insert(text)
            }
            for row in try transaction.rows("SELECT repository_id, COUNT(*) AS number FROM tag GROUP BY repository_id")
            {
                if let name = names[try row.integer("repository_id")] { stored.rows[name] = try row.int("number") }
            }
            for row in try transaction.rows("SELECT digest, object_key FROM blob") {
                stored.objects[try Digest(try row.text("digest"))] = try ObjectKey(stored: try row.text("object_key"))
            }
            return stored
        }
    }

    /// Law 1: what is reachable or pinned is there, byte for byte. Nobody else works meanwhile.
    func checkNothingIsLost() async throws {
        let (stored, model, now) = (try await stored(), self.model.withLock { $0 }, self.now)
        for name in Self.repositories {
            let reachable = model.reachable(name, at: now)
            let lost = reachable.subtracting(stored.manifests[name] ?? [])
            if !lost.isEmpty { fail("\(name) lost the manifests \(lost)") }
            let needed = model.blobs(of: reachable)
                .union((model.repositories[name]?.pins ?? [:]).filter { $0.value.low > now }.keys)
            let gone = needed.subtracting(stored.links[name] ?? [])
            if !gone.isEmpty { fail("\(name) lost the blobs \(gone.sorted())") }
        }
        for (digest, key) in stored.objects {
            guard case .memory(let bytes)? = try await depot.core.platform.objects.content(of: key),
                Digest(of: Array(bytes.readableBytesView)) == digest
            else {
                fail("the object of \(digest) is gone or wrong")
                continue
            }
        }
    }

    /// Law 2: two passes later nothing else is there. Nobody else works meanwhile.
    func checkNothingIsLeft() async throws {
        let platform = depot.core.platform
        let predicted = try await CollectionForecast(platform: platform).run()
        _ = try await DeletionStep(platform: platform).run()
        let first = try await depot.collect()
        let second = try await depot.collect()
        // Deletions are another step's; a first pass may free what it left.
        if !predicted.contains(where: \.isDeleted),
            predicted.reduce(0, { $0 + $1.manifests }) != first.manifests + second.manifests
                || predicted.reduce(0, { $0 + $1.blobs }) != first.blobs + second.blobs
        {
            fail("the forecast said \(predicted), and \(first) went")
        }
        try await checkNothingIsLost()
        let (stored, now) = (try await stored(), self.now)
        model.withLock { model in
            for name in Self.repositories {
                let manifests = stored.manifests[name] ?? []
                let links = stored.links[name] ?? []
                let extra = manifests.subtracting(model.reachable(name, at: now, alsoMaybe: true))
                if !extra.isEmpty { fail("\(name) still has the manifests \(extra)") }
                let allowed = model.blobs(of: manifests)
                    .union((model.repositories[name]?.pins ?? [:]).filter { $0.value.high > now }.keys)
                let left = links.subtracting(allowed)
                if !left.isEmpty { fail("\(name) still has the blobs \(left.sorted())") }
                model.settle(name, manifests: manifests, links: links, at: now)
                let least = model.repositories[name]?.rows.count ?? 0
                let most = least + (model.repositories[name]?.doubtfulRows.count ?? 0)
                if !(least...most).contains(stored.rows[name] ?? 0) {
                    fail("\(name) has \(stored.rows[name] ?? 0) tag rows, not \(least) to \(most)")
                }
            }
        }
        let keys = Set(try await platform.objects.objects(after: nil, limit: 1_000_000).map(\.key))
        if keys != Set(stored.objects.values) {
            fail("objects and rows differ: \(keys.symmetricDifference(stored.objects.values))")
        }
        for table: Query in [
            "SELECT COUNT(*) FROM garbage_object", "SELECT COUNT(*) FROM manifest_candidate",
            "SELECT COUNT(*) FROM deleted_repository",
            "SELECT COUNT(*) FROM blob WHERE id NOT IN (SELECT blob_id FROM repository_blob)",
        ] {
            if try await depot.rows(table) != 0 { fail("something is left: \(table.sql)") }
        }
    }
}
