import Foundation
import TestSupport
import Testing

@testable import RegistryCore

/// Random interleavings of clients and collectors against a model of sets. GC_MODEL_STEPS and GC_MODEL_SEED change how
/// many calls are made and which; `make gc-model` makes a million.
@Suite("The collector against a model", .serialized) struct CollectionModelTests {
    private static let lanes = 8
    private static let callsOfALane = 8

    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test(
        "loses nothing that is reachable or pinned, and leaves nothing else for two passes",
        arguments: zip(TestDatabase.allEngines, [100_000, 2_000]))
    func interleavings(engine: TestDatabase.Engine, standard: Int) async throws {
        let steps = engine == .sqlite ? Self.number("GC_MODEL_STEPS").map(Int.init) ?? standard : standard
        let seed = Self.number("GC_MODEL_SEED") ?? UInt64.random(in: 0 ... .max)
        print("garbage collection model on \(engine): seed \(seed), \(steps) steps")
        let run = try await CollectionModelRun(engine, seed: seed)
        var chance = SeededGenerator(seed: seed)
        var lanes = (0..<Self.lanes).map { CollectionModelLane("lane\($0)", seed: chance.next()) }
        var calls = 0
        while calls < steps {
            calls += try await Self.batch(&lanes, run, &chance)
            run.doubt()
            if Int.random(in: 0..<4, using: &chance) == 0 {
                try await run.checkNothingIsLeft()
            } else {
                try await run.checkNothingIsLost()
            }
            try await run.interlude(&chance)
            // What time took the last hold from may be gone before somebody holds it again.
            run.doubt()
        }
        try await run.checkNothingIsLeft()
    }

    /// Lets every lane work, and collectors beside them; answers how many calls were made.
    private static func batch(
        _ lanes: inout [CollectionModelLane], _ run: CollectionModelRun, _ chance: inout SeededGenerator
    ) async throws -> Int {
        let passes = Int.random(in: 0..<3, using: &chance)
        let cleans = Int.random(in: 0..<8, using: &chance) == 0
        return try await withThrowingTaskGroup(of: (Int, CollectionModelLane?, Int).self) { group in
            for (position, lane) in lanes.enumerated() {
                group.addTask {
                    var lane = lane
                    let calls = try await lane.work(callsOfALane, on: run)
                    return (position, lane, calls)
                }
            }
            for _ in 0..<passes {
                group.addTask {
                    try await run.collect()
                    return (0, nil, 1)
                }
            }
            group.addTask {
                _ = try await DeletionStep(platform: run.depot.core.platform).run()
                if cleans { try await UploadCleanupStep(platform: run.depot.core.platform).run() }
                return (0, nil, 1)
            }
            var calls = 0
            for try await (position, lane, count) in group {
                calls += count
                if let lane { lanes[position] = lane }
            }
            return calls
        }
    }
}
