import Domain
import Foundation
import NIOCore
import OCI
import SQL
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

/// A client of the model's registry that does one thing after the other, beside other clients and the collector.
struct CollectionModelLane: Sendable {
    private struct HalfUpload: Sendable {
        let uuid: String
        let text: String
        let repository: String
        let generation: Int
        let begun: Date
    }

    /// Begins its tags' names; nobody else moves or deletes them.
    let name: String
    var chance: SeededGenerator
    private var half: HalfUpload?

    init(_ name: String, seed: UInt64) {
        self.name = name
        chance = SeededGenerator(seed: seed)
    }

    /// Does about `count` things; answers how many calls it made.
    mutating func work(_ count: Int, on run: CollectionModelRun) async throws -> Int {
        var calls = 0
        while calls < count { calls += try await act(on: run) }
        return calls
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element? { elements.randomElement(using: &chance) }

    private mutating func act(on run: CollectionModelRun) async throws -> Int {
        let repository = pick(CollectionModelRun.repositories) ?? ""
        let blob = pick(CollectionModelRun.blobs) ?? ""
        let tag = "\(name)-\(Int.random(in: 0..<4, using: &chance))"
        switch Int.random(in: 0..<100, using: &chance) {
        case 0..<8: return try await upload(blob, to: repository, run)
        case 8..<16: return try await goOn(blob, repository, run)
        case 16..<30:
            _ = try await head(blob, in: repository, run)
            return 1
        case 30..<40: return try await mount(blob, to: repository, run)
        case 40..<62: return try await pushImage(tag: Bool.random(using: &chance) ? tag : nil, to: repository, run)
        case 62..<70: return try await pushIndex(tag: Bool.random(using: &chance) ? tag : nil, to: repository, run)
        case 70..<78: return try await pushReferrer(to: repository, run)
        case 78..<92: return try await delete(tag, from: repository, run)
        default: return try await restore(tag, in: repository, run)
        }
    }

    private func upload(_ blob: String, to repository: String, _ run: CollectionModelRun) async throws -> Int {
        let access = try await run.proof(repository)
        let upload = try await run.registry.blobUploads.begin(in: access)
        _ = try await run.registry.blobUploads.finish(
            upload.uuid, with: Depot.stream(blob), digest: Depot.digest(blob), in: access)
        pinned(blob, repository, run)
        return 2
    }

    private func pinned(_ blob: String, _ repository: String, _ run: CollectionModelRun) {
        let end = run.now + BlobUploadService.pin
        run.model.withLock { $0.pin(blob, in: repository, low: end, high: end) }
    }

    /// Begins an upload in pieces, or goes on with the one that rests.
    private mutating func goOn(_ blob: String, _ repository: String, _ run: CollectionModelRun) async throws -> Int {
        guard let resting = half else {
            let access = try await run.proof(repository)
            let upload = try await run.registry.blobUploads.begin(in: access)
            _ = try await run.registry.blobUploads.append(
                Depot.stream(String(blob.prefix(5))), to: upload.uuid, in: access)
            half = HalfUpload(
                uuid: upload.uuid, text: blob, repository: repository,
                generation: run.model.withLock { $0.repositories[repository]?.generation ?? 0 }, begun: run.now)
            return 2
        }
        half = nil
        let access = try await run.proof(resting.repository)
        do {
            if Int.random(in: 0..<6, using: &chance) == 0 {
                try await run.registry.blobUploads.cancel(resting.uuid, in: access)
                return 1
            }
            _ = try await run.registry.blobUploads.finish(
                resting.uuid, with: Depot.stream(String(resting.text.dropFirst(5))), digest: Depot.digest(resting.text),
                in: access)
            pinned(resting.text, resting.repository, run)
        } catch let error as RegistryError where error.kind == .blobUploadUnknown {
            let generation = run.model.withLock { $0.repositories[resting.repository]?.generation ?? 0 }
            if generation == resting.generation, run.now < resting.begun + UploadCleanupStep.idle {
                run.fail("\(name) lost the upload \(resting.uuid)")
            }
        }
        return 1
    }

    /// Asks for a blob, as a client does before it uploads one.
    private func head(_ blob: String, in repository: String, _ run: CollectionModelRun) async throws -> Bool {
        let now = run.now
        let mustBeThere = run.model.withLock { $0.isPinned(blob, in: repository, at: now) }
        do {
            _ = try await run.registry.blobs.find(Depot.digest(blob), in: run.proof(repository))
            run.model.withLock {
                $0.pin(
                    blob, in: repository, low: now + BlobUploadService.pin / 2, high: now + BlobUploadService.pin)
            }
            return true
        } catch let error as RegistryError where error.kind == .blobUnknown {
            if mustBeThere { run.fail("\(name): \(repository) lost the pinned blob \(blob)") }
            return false
        }
    }

    private mutating func mount(_ blob: String, to repository: String, _ run: CollectionModelRun) async throws -> Int {
        let source = pick(CollectionModelRun.repositories) ?? ""
        let now = run.now
        let mustBeThere = run.model.withLock { $0.isPinned(blob, in: source, at: now) }
        let mounted = try await run.registry.blobUploads.mount(
            Depot.digest(blob), from: run.proof(source), in: run.proof(repository))
        if mounted != nil {
            pinned(blob, repository, run)
        } else if mustBeThere {
            run.fail("\(name): \(source) lost the pinned blob \(blob)")
        }
        return 1
    }

    /// What a client does: asks for each blob, uploads what is not there, stores the manifest. That can't fail.
    private mutating func pushImage(
        tag: String?, subject: Digest? = nil, to repository: String, _ run: CollectionModelRun
    ) async throws -> Int {
        let config = pick(CollectionModelRun.blobs) ?? ""
        let layers = (0..<Int.random(in: 0...2, using: &chance)).compactMap { _ in pick(CollectionModelRun.blobs) }
        let blobs = Set(layers + [config])
        var calls = 1
        for blob in blobs.sorted() {
            calls += 1
            if try await !head(blob, in: repository, run) { calls += try await upload(blob, to: repository, run) }
        }
        let body = Depot.image(config: config, layers: layers, subject: subject)
        try await put(body, .init(blobs: blobs, subject: subject), tag: tag, to: repository, run)
        return calls
    }

    private func put(
        _ body: [UInt8], _ content: CollectionModel.Content, tag: String?, to repository: String,
        _ run: CollectionModelRun
    ) async throws {
        let digest = Digest(of: body)
        _ = try await run.registry.manifests.put(
            body, contentType: nil, reference: tag.map { .tag(try TagName($0)) } ?? .digest(digest),
            in: run.proof(repository))
        let now = run.now
        run.model.withLock { $0.put(digest, content, tag: tag, in: repository, at: now) }
    }

    private mutating func somebody(in repository: String, _ run: CollectionModelRun) -> Digest? {
        pick(run.model.withLock { Array($0.repositories[repository]?.present ?? []) }.sorted { $0.text < $1.text })
    }

    private mutating func pushIndex(
        tag: String?, to repository: String, _ run: CollectionModelRun
    ) async throws -> Int {
        let children = Set((0..<2).compactMap { _ in somebody(in: repository, run) })
        let subject = Int.random(in: 0..<4, using: &chance) == 0 ? children.first : nil
        let now = run.now
        let mustBeThere = run.model.withLock { [name] model in
            children.allSatisfy { model.isGuaranteed($0, in: repository, at: now, lane: name) }
        }
        let listed = children.sorted { $0.text < $1.text }
        do {
            try await put(
                Depot.index(listed, subject: subject), .init(children: children, subject: subject), tag: tag,
                to: repository, run)
        } catch let error as RegistryError where error.kind == .manifestBlobUnknown {
            if mustBeThere { run.fail("\(name): \(repository) lost one of \(listed)") }
        }
        return 1
    }

    private mutating func pushReferrer(to repository: String, _ run: CollectionModelRun) async throws -> Int {
        // Half of the subjects are there; the others are images that some lane may push later.
        let later = Digest(of: Depot.image(config: pick(CollectionModelRun.blobs) ?? "", layers: []))
        let subject = Bool.random(using: &chance) ? somebody(in: repository, run) ?? later : later
        return try await pushImage(tag: nil, subject: subject, to: repository, run)
    }

    private func delete(_ tag: String, from repository: String, _ run: CollectionModelRun) async throws -> Int {
        let isThere = run.model.withLock { $0.tagged(tag, in: repository) != nil }
        let now = run.now
        do {
            try await run.registry.manifests.delete(.tag(try TagName(tag)), in: run.proof(repository))
            if !isThere { run.fail("\(name): deleted \(tag), which was not there") }
            run.model.withLock { $0.end(tag, in: repository, at: now) }
        } catch let error as RegistryError where [.manifestUnknown, .tagExpired].contains(error.kind) {
            if isThere { run.fail("\(name): \(repository) lost the tag \(tag)") }
        }
        return 1
    }

    /// Points a tag at any manifest that the repository still has, dead or alive.
    private mutating func restore(_ tag: String, in repository: String, _ run: CollectionModelRun) async throws -> Int {
        let now = run.now
        let known = run.model.withLock { model in
            model.repositories[repository].map { $0.present.union($0.maybe) } ?? []
        }
        guard let digest = pick(known.sorted { $0.text < $1.text }) else { return 1 }
        let mustBeThere = run.model.withLock { [name] in
            $0.isGuaranteed(digest, in: repository, at: now, lane: name)
        }
        let isRestored: Bool
        do {
            try await run.registry.tags.restore(TagName(tag), to: digest, in: run.proof(repository))
            isRestored = true
        } catch let error as RegistryError where error.kind == .notFound { isRestored = false }
        if isRestored {
            run.model.withLock { model in
                model.repositories[repository]?.maybe.remove(digest)
                model.repositories[repository]?.present.insert(digest)
                model.repositories[repository]?.detached.remove(digest)
                model.point(tag, at: digest, in: repository, now: now)
            }
        } else if mustBeThere {
            run.fail("\(name): \(repository) lost \(digest)")
        }
        return 1
    }
}
