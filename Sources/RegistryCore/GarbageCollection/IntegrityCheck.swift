package import Foundation
import OCI
import ObjectStorage
import Runtime
import SQL

/// `fsck`: compares every row and every object, while servers run.
///
/// What looks wrong is looked at again before it is said: a row that went, or an object that was written meanwhile, is
/// no finding. Nothing is changed but, when asked for, old objects that no row names.
package struct IntegrityCheck: Sendable {
    package enum Depth: Sendable, Hashable {
        /// Existence and size of each object.
        case sizes
        /// Every byte.
        case bytes
    }

    package enum Orphans: Sendable, Hashable { case list, delete }

    /// What was looked at.
    package struct Summary: Sendable, Hashable, CustomStringConvertible {
        package var blobs = 0
        package var bytes: Int64 = 0
        package var manifests = 0
        package var tags = 0
        package var objects = 0
        package var findings = 0
        package var deletedObjects = 0

        package var description: String {
            "Checked \(blobs) blobs of \(bytes) bytes, \(manifests) manifests and \(objects) objects: "
                + (findings == 0 ? "everything is in order." : "\(findings) findings.")
                + (deletedObjects == 0 ? "" : " Deleted \(deletedObjects) objects.")
        }
    }

    /// How old an object without a row must be: younger ones may belong to a request that has not ended. Seconds.
    package static let orphanAge: TimeInterval = 86_400
    private static let page = 200
    private static let concurrency = 4

    private let platform: Platform
    private let depth: Depth
    private let orphans: Orphans

    package init(platform: Platform, depth: Depth = .bytes, orphans: Orphans = .list) {
        self.platform = platform
        self.depth = depth
        self.orphans = orphans
    }

    /// Looks at everything, and reports each finding as it comes.
    package func run(report: @Sendable (IntegrityFinding) -> Void) async throws -> Summary {
        var summary = Summary()
        // Apart from the summary, which the checks hold while they tell.
        var told = 0
        func tell(_ findings: [IntegrityFinding]) {
            told += findings.count
            findings.forEach(report)
        }
        try await checkBlobs(&summary, tell)
        try await checkManifests(&summary, tell)
        try await checkTags(tell)
        try await checkFiles(tell)
        try await checkLogArchives(tell)
        try await checkObjects(&summary, tell)
        summary.findings = told
        return summary
    }

    private func checkBlobs(_ summary: inout Summary, _ tell: ([IntegrityFinding]) -> Void) async throws {
        var last: Int64 = 0
        while true {
            let (blobs, unlinked) = try await platform.database.read { [last] transaction in
                let blobs = try IntegrityStore.blobs(after: last, limit: Self.page, in: transaction)
                let unlinked = try GarbageStore.unlinkedBlobs(after: last, limit: Self.page, in: transaction)
                return (blobs, Set(unlinked))
            }
            guard let end = blobs.last else { return }
            last = end.id
            summary.blobs += blobs.count
            summary.bytes += blobs.reduce(0) { $0 + $1.sizeBytes }
            tell(
                blobs.filter { unlinked.contains($0.id) }.map {
                    IntegrityFinding(
                        kind: .unlinkedBlob, subject: "blob \($0.digest)",
                        advice: "no repository links it: `RegistryLite gc` frees it")
                })
            var findings: [IntegrityFinding] = []
            for group in blobs.chunks(of: Self.concurrency) {
                try await withThrowingTaskGroup(of: IntegrityFinding?.self) { tasks in
                    for blob in group { tasks.addTask { try await check(blob) } }
                    for try await finding in tasks { if let finding { findings.append(finding) } }
                }
            }
            tell(findings.sorted { $0.subject < $1.subject })
        }
    }

    private func check(_ blob: Blob) async throws -> IntegrityFinding? {
        guard let fault = try await fault(of: blob) else { return nil }
        // The collector takes the row before the object, and an upload of the same bytes may have healed the blob.
        let (still, repositories) = try await platform.database.read { transaction in
            (
                try IntegrityStore.blob(blob.id, in: transaction),
                try IntegrityStore.repositories(linking: blob.id, limit: 3, in: transaction)
            )
        }
        guard still == blob, try await self.fault(of: blob) != nil else { return nil }
        return IntegrityFinding(
            kind: fault, subject: "blob \(blob.digest) (\(repositories.joined(separator: ", ")))",
            advice: "its object \(blob.location)/\(blob.key) is \(Self.words(fault)): restore it from a backup, or "
                + "push an image that has it again")
    }

    private static func words(_ fault: IntegrityFinding.Kind) -> String {
        switch fault {
        case .missingObject: "not there"
        case .wrongSize: "of another size"
        default: "not what its digest says"
        }
    }

    private func fault(of blob: Blob) async throws -> IntegrityFinding.Kind? {
        guard let content = try await platform.locations.store(at: blob.location)?.content(of: blob.key) else {
            return .missingObject
        }
        guard content.sizeBytes == blob.sizeBytes else { return .wrongSize }
        guard depth == .bytes else { return nil }
        guard let digest = try await ObjectDigest.read(content, by: blob.digest.algorithm) else {
            return .missingObject
        }
        return digest == blob.digest ? nil : .wrongBytes
    }

    private func checkManifests(_ summary: inout Summary, _ tell: ([IntegrityFinding]) -> Void) async throws {
        var last: Int64 = 0
        while true {
            // Small pages: a manifest may have four million bytes.
            let manifests = try await platform.database.read { [last] in
                try IntegrityStore.manifests(after: last, limit: 20, in: $0)
            }
            guard let end = manifests.last else { return }
            last = end.id
            summary.manifests += manifests.count
            tell(manifests.flatMap(Self.findings))
        }
    }

    /// Rows of one snapshot are whole or wrong: nothing needs to be looked at again.
    static func findings(of row: IntegrityStore.ManifestRow) -> [IntegrityFinding] {
        let subject = "manifest \(row.repository)@\(row.digest)"
        func finding(_ kind: IntegrityFinding.Kind, _ advice: String) -> IntegrityFinding {
            IntegrityFinding(kind: kind, subject: subject, advice: advice)
        }
        guard Digest(of: row.body, by: row.digest.algorithm) == row.digest else {
            return [finding(.wrongManifest, "its bytes are not what its digest says: restore the database")]
        }
        let manifest: Manifest
        do { manifest = try Manifest(row.body, declared: MediaType(row.mediaType)) } catch {
            return [finding(.wrongManifest, "it can't be read (\(error)): restore the database")]
        }
        var findings: [IntegrityFinding] = []
        let missing = Set(manifest.blobs.map(\.digest.text)).subtracting(row.blobs)
            .union(Set(manifest.children.map(\.digest.text)).subtracting(row.children))
        if !missing.isEmpty {
            findings.append(
                finding(
                    .manifestLinks,
                    "nothing says that it needs \(missing.sorted().joined(separator: ", ")): push it again"))
        }
        for digest in row.unlinked.sorted() {
            findings.append(
                finding(.unreadableBlob, "its repository does not link the blob \(digest): push it there again"))
        }
        return findings
    }

    private func checkTags(_ tell: ([IntegrityFinding]) -> Void) async throws {
        var last: Int64? = 0
        while let start = last {
            let (strays, next) = try await platform.database.read {
                try IntegrityStore.strayTags(after: start, limit: 2000, in: $0)
            }
            tell(
                strays.map {
                    IntegrityFinding(
                        kind: .strayTag, subject: "tag \($0.name) (row \($0.id))",
                        advice: "it points into another repository: move or delete the tag")
                })
            last = next
        }
    }

    private func checkFiles(_ tell: ([IntegrityFinding]) -> Void) async throws {
        var last = ""
        while true {
            let files = try await platform.database.read { [last] in
                try IntegrityStore.files(after: last, limit: Self.page, in: $0)
            }
            guard let end = files.last else { return }
            for file in files {
                let content = try await platform.locations.store(at: file.location)?.content(
                    of: ObjectKey(stored: file.key))
                guard content == nil else { continue }
                let still = try await platform.database.read { try UserFileStore.find(file.uuid, in: $0) }
                guard still?.objectKey == file.key else { continue }
                tell([
                    IntegrityFinding(
                        kind: .missingFile, subject: "build file \(file.uuid)",
                        advice: "its object \(file.location)/\(file.key) is not there: builds that use it will fail")
                ])
            }
            last = end.uuid
        }
    }

    private func checkLogArchives(_ tell: ([IntegrityFinding]) -> Void) async throws {
        var last: Int64 = 0
        while true {
            let archives = try await platform.database.read { [last] in
                try IntegrityStore.logArchives(after: last, limit: Self.page, in: $0)
            }
            guard let end = archives.last else { return }
            for archive in archives {
                let content = try await platform.locations.store(at: archive.location)?.content(
                    of: ObjectKey(stored: archive.key))
                guard content == nil else { continue }
                let still = try await platform.database.read { try BuildLogArchiveStore.find(archive.buildID, in: $0) }
                guard still?.objectKey == archive.key else { continue }
                tell([
                    IntegrityFinding(
                        kind: .missingLog, subject: "log of build \(archive.uuid)",
                        advice: "its object \(archive.location)/\(archive.key) is not there: restore it from a backup")
                ])
            }
            last = end.buildID
        }
    }

    private func checkObjects(_ summary: inout Summary, _ tell: ([IntegrityFinding]) -> Void) async throws {
        for store in platform.allObjects {
            var last: ObjectKey?
            while true {
                let page = try await store.objects(after: last, limit: 1000)
                guard let end = page.last else { break }
                last = end.key
                summary.objects += page.count
                for object in try await strangers(among: page, of: store) {
                    let isOld = object.storedAt <= platform.clock.now - Self.orphanAge
                    if orphans == .delete, isOld {
                        try await store.delete(object.key)
                        summary.deletedObjects += 1
                    } else if isOld {
                        tell([
                            IntegrityFinding(
                                kind: .orphanObject,
                                subject: "object \(store.location)/\(object.key) of \(object.sizeBytes) bytes",
                                advice: "no row names it: `RegistryLite fsck --delete-orphans` deletes it")
                        ])
                    }
                }
            }
        }
    }

    /// The objects of areas that this program writes and that no row names, and that are still there after that was
    /// asked: what the collector removed meanwhile is none.
    private func strangers(
        among page: [StoredObject], of store: any ObjectStore
    ) async throws -> [StoredObject] {
        let ours = page.filter { ["blobs", "userfiles", "logarchive"].contains($0.key.area) }
        let named = try await platform.database.read {
            try IntegrityStore.named(ours.map(\.key.text), atLocation: store.location, in: $0)
        }
        var strangers: [StoredObject] = []
        for object in ours where !named.contains(object.key.text) {
            if try await store.content(of: object.key) != nil { strangers.append(object) }
        }
        return strangers
    }
}
