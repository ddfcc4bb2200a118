import SQL
import TestSupport
import Testing

@testable import SQLiteDriver

@Suite("Shared reads") struct SharedReadsTests {
    /// A file with one number in it.
    private struct Bench {
        let folder: TemporaryFolder
        let database: SQLiteDatabase

        init() async throws {
            folder = try TemporaryFolder()
            database = try SQLiteDatabase(path: folder.path("test.db"))
            try await database.write {
                try $0.execute(ddl: "CREATE TABLE counter (value INTEGER); INSERT INTO counter VALUES (0)")
            }
        }

        static let read: @Sendable (any Transaction) throws -> Int64? = {
            try $0.number("SELECT value FROM counter")
        }

        func set(_ value: Int) async throws {
            try await database.write { try $0.run("UPDATE counter SET value = \(value)") }
        }
    }

    @Test("a body sees what was committed before it was asked for, while an older snapshot is still open")
    func snapshots() async throws {
        let bench = try await Bench()
        let barrier = Barrier()
        async let old = bench.database.read { transaction in
            let before = try Bench.read(transaction)
            barrier.wait()
            return [before, try Bench.read(transaction)]
        }
        await barrier.untilArrived()
        try await bench.set(1)
        #expect(try await bench.database.read(Bench.read) == 1)
        barrier.release()
        #expect(try await old == [0, 0])
    }

    @Test("slow bodies keep the others waiting only when every reader is slow") func slowBodies() async throws {
        let bench = try await Bench()
        let barriers = (0..<8).map { _ in Barrier() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (count, barrier) in barriers.enumerated() {
                // However many are slow: one more is answered.
                if count > 0 { _ = try await bench.database.read(Bench.read) }
                group.addTask { try await bench.database.read { _ in barrier.wait() } }
                await barrier.untilArrived()
            }
            async let ninth = bench.database.read(Bench.read)
            barriers[0].release()
            #expect(try await ninth == 0)
            for barrier in barriers.dropFirst() { barrier.release() }
            try await group.waitForAll()
        }
    }

    @Test("a body that fails takes nothing of its neighbours along") func failures() async throws {
        let bench = try await Bench()
        let barrier = Barrier()
        async let first: Void = bench.database.read { _ in barrier.wait() }
        await barrier.untilArrived()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for position in 0..<40 {
                group.addTask {
                    do {
                        return try await bench.database.read { transaction in
                            if position.isMultiple(of: 2) { _ = try transaction.rows("SELECT nothing FROM nowhere") }
                            return try Bench.read(transaction) == 0 && !position.isMultiple(of: 2)
                        }
                    } catch let error as DatabaseError { return error.kind == .statement && position.isMultiple(of: 2) }
                }
            }
            barrier.release()
            for try await isAsExpected in group { #expect(isAsExpected) }
        }
        try await first
    }

    @Test("whoever has written reads it back, however many others read meanwhile") func readYourWrites() async throws {
        let bench = try await Bench()
        let isDone = Shared(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<12 {
                group.addTask { while !isDone.value { _ = try await bench.database.read(Bench.read) } }
            }
            for value in 1...200 {
                try await bench.set(value)
                #expect(try await bench.database.read(Bench.read) == Int64(value))
            }
            isDone.change { $0 = true }
            try await group.waitForAll()
        }
    }

    @Test("a closed database refuses further reads, after those under way were answered") func closing() async throws {
        let bench = try await Bench()
        let barrier = Barrier()
        async let last = bench.database.read { transaction in
            barrier.wait()
            return try Bench.read(transaction)
        }
        await barrier.untilArrived()
        async let closed: Void = bench.database.close()
        barrier.release()
        #expect(try await last == 0)
        await closed
        await #expect(throws: DatabaseError.self) { try await bench.database.read(Bench.read) }
    }
}
