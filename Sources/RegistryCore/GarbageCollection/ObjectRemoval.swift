import Logging
import ObjectStorage
import Runtime
import SQL

/// Removes the objects whose rows have gone, several at a time, and forgets each once its location has lost it.
///
/// Killed in between, it removes some a second time, which is nothing. An object's key is used for one upload only, so
/// whoever uploads the same bytes meanwhile has another object.
struct ObjectRemoval: Sendable {
    static let batch = 256
    private static let concurrency = 16

    let platform: Platform

    /// Removes everything there is; what its location refuses is left for the next time. Answers how many went.
    @discardableResult
    func run(between chunks: @Sendable () async throws -> Void = {}) async throws -> Int {
        var last: Int64 = 0
        var count = 0
        var failures: [String] = []
        while true {
            let batch = try await platform.database.read { [last] in
                try GarbageStore.garbage(after: last, limit: Self.batch, in: $0)
            }
            guard let end = batch.last else { break }
            last = end.id
            let (removed, failed) = await remove(batch)
            failures += failed
            try await platform.database.write { try GarbageStore.forget(garbage: removed, in: $0) }
            count += removed.count
            try await chunks()
        }
        if let first = failures.first {
            platform.logger.error(
                "\(failures.count) objects could not be removed and are tried again at the next pass; the first: \(first)"
            )
        }
        return count
    }

    private func remove(_ batch: [GarbageStore.Garbage]) async -> (removed: [Int64], failed: [String]) {
        await withTaskGroup(of: (Int64, String?).self) { group in
            var removed: [Int64] = []
            var failed: [String] = []
            func take(_ answer: (Int64, String?)) {
                if let reason = answer.1 { failed.append(reason) } else { removed.append(answer.0) }
            }
            for (position, garbage) in batch.enumerated() {
                if position >= Self.concurrency, let answer = await group.next() { take(answer) }
                group.addTask {
                    do {
                        try await remove(garbage)
                        return (garbage.id, nil)
                    } catch { return (garbage.id, "\(error)") }
                }
            }
            for await answer in group { take(answer) }
            return (removed, failed)
        }
    }

    private func remove(_ garbage: GarbageStore.Garbage) async throws {
        guard let store = platform.locations.store(at: garbage.location) else {
            throw ObjectStorageError(.failed, "The location \(garbage.location) is not configured.")
        }
        let key = try ObjectKey(stored: garbage.objectKey)
        // The upload first: what is under way can't become the object behind our back.
        if garbage.hasUpload { try await store.discard(UploadKey(key)) }
        try await store.delete(key)
    }
}

extension Platform {
    /// The location of that name; nil when the configuration does not name it.
    func objects(at location: String) -> (any ObjectStore)? { location == objects.location ? objects : nil }

    /// Every location that the configuration names.
    var allObjects: [any ObjectStore] { [objects] }
}
