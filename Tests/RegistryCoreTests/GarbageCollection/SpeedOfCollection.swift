import Domain
import Foundation
import Logging
import OCI
import ObjectStorage
import SQL
import TestSupport
import Testing

@testable import RegistryCore

/// A measurement, made on request only: GC_BENCH_BLOBS=20000 swift test --filter SpeedOfCollection
@Suite("Speed of collection", .serialized) struct SpeedOfCollection {
    private static let blobs = ProcessInfo.processInfo.environment["GC_BENCH_BLOBS"].flatMap(Int.init) ?? 0

    @Test("frees blobs from a folder while others push", .enabled(if: blobs > 0), arguments: TestDatabase.allEngines)
    func speed(engine: TestDatabase.Engine) async throws {
        let folder = try TemporaryFolder()
        let store = try await LocalDiskStore.open(folder.path, location: "memory")
        let depot = try await Depot(engine)
        let core = depot.core
        let platform = Platform(
            database: core.database, objects: store, cipher: core.platform.cipher, passwords: core.platform.passwords,
            clock: core.platform.clock, logger: core.platform.logger)
        try await Self.fill(depot, folder.path)
        let quiet = try await Self.pushes(depot) { try await Task.sleep(for: .seconds(5)) }
        let started = ContinuousClock.now
        let busy = try await Self.pushes(depot) {
            let counts = try await CollectionStep(platform: platform).run()
            #expect(counts?.blobs ?? 0 >= Self.blobs)
        }
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        print(
            """
            \(engine): freed \(Self.blobs) blobs in \(seconds) s: \(Int(Double(Self.blobs) / seconds)) blobs/s; \
            pushes quiet p50 \(quiet.p50) ms, p99 \(quiet.p99) ms (\(quiet.count)); meanwhile p50 \(busy.p50) ms, \
            p99 \(busy.p99) ms (\(busy.count))
            """)
    }

    /// Rows and files of blobs whose pin is over.
    private static func fill(_ depot: Depot, _ root: String) async throws {
        let repository = try await depot.proof().repository.id
        for start in stride(from: 0, to: blobs, by: 500) {
            let keys = try (start..<min(start + 500, blobs)).map {
                try ObjectKey(
                    area: "blobs", identifier: "\(String(UInt64($0) &* 0x9E37_79B9_7F4A_7C15, radix: 16))-\($0)")
            }
            for key in keys {
                let path = "\(root)/\(key.text)"
                try FileManager.default.createDirectory(
                    atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                try Data(key.text.utf8).write(to: URL(fileURLWithPath: path))
            }
            try await depot.core.database.write { transaction in
                for key in keys {
                    let id = try transaction.number(
                        """
                        INSERT INTO blob (digest, size_bytes, location, object_key, created_ms)
                        VALUES (\(Depot.digest(key.text).text), \(key.text.utf8.count), 'memory', \(key.text), 0)
                        RETURNING id
                        """)
                    try transaction.run(
                        """
                        INSERT INTO repository_blob (repository_id, blob_id, pinned_until_ms)
                        VALUES (\(repository), \(id), 1)
                        """)
                }
            }
        }
    }

    private struct Latencies {
        let count: Int
        let p50: Double
        let p99: Double
    }

    /// Four clients that push small blobs until `work` has ended; how long each push took.
    private static func pushes(_ depot: Depot, during work: @escaping @Sendable () async throws -> Void) async throws
        -> Latencies
    {
        let times = try await withThrowingTaskGroup(of: [Double].self) { group in
            for client in 0..<4 {
                group.addTask {
                    var times: [Double] = []
                    while !Task.isCancelled {
                        let start = ContinuousClock.now
                        do { try await depot.upload("blob \(client) \(times.count) \(start)") } catch {
                            if Task.isCancelled { break }
                            throw error
                        }
                        times.append((ContinuousClock.now - start) / .milliseconds(1))
                    }
                    return times
                }
            }
            group.addTask {
                try await work()
                return []
            }
            var all: [Double] = []
            var isOver = false
            for try await times in group {
                all += times
                if times.isEmpty, !isOver {
                    isOver = true
                    group.cancelAll()
                }
            }
            return all.sorted()
        }
        guard !times.isEmpty else { return Latencies(count: 0, p50: 0, p99: 0) }
        return Latencies(count: times.count, p50: times[times.count / 2], p99: times[times.count * 99 / 100])
    }
}
