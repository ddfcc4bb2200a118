import Foundation
import TestSupport
import Testing

/// kill -9 at random moments of mixed pushes: whatever was acknowledged is there afterwards, whole.
///
/// Short in every run of the tests; `make crash-test N=1000` goes on for N rounds. The seed is printed; CRASH_SEED sets it.
@Suite("Crashes", .serialized) struct CrashTests {
    private static let environment = ProcessInfo.processInfo.environment

    /// Rounds on each engine: a kill, a start and a look.
    private static func rounds(_ engine: TestDatabase.Engine) -> Int {
        let asked = environment["CRASH_ROUNDS"].flatMap(Int.init)
        // SQLite is the engine that shares the process's fate.
        return engine == .sqlite ? asked ?? 6 : asked.map { ($0 + 4) / 5 } ?? 2
    }

    @Test("no acknowledged push is lost, and none is half there", arguments: TestDatabase.allEngines)
    func survivesKills(_ engine: TestDatabase.Engine) async throws {
        let seed = Self.environment["CRASH_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...UInt64.max)
        print("CrashTests: \(engine.rawValue), CRASH_SEED=\(seed)")
        var random = Seeded(seed)
        let registry = try await LoneRegistry(engine)
        let ledger = Ledger()
        try await registry.start()
        try await registry.initialize()
        for round in 1...Self.rounds(engine) {
            let context = "[round \(round), seed \(seed)]"
            let token = try await registry.token(Writer.repositories)
            let moment = Duration.milliseconds(20 + random.number(below: 700))
            let seeds = Writer.repositories.map { _ in random.next() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (repository, seed) in zip(Writer.repositories, seeds) {
                    group.addTask {
                        var writer = Writer(
                            registry: registry, ledger: ledger, repository: repository, random: Seeded(seed))
                        try await writer.run(token: token)
                    }
                }
                group.addTask {
                    try await Task.sleep(for: moment)
                    try await registry.server.kill()
                }
                try await group.waitForAll()
            }
            try await registry.start()
            let isLast = round == Self.rounds(engine)
            try await Inspector(registry: registry, ledger: ledger, context: context).inspect(
                token: registry.token(Writer.repositories), sample: isLast ? nil : 40)
        }
        let acknowledged = ledger.now.acknowledged
        print("CrashTests: \(engine.rawValue), \(Self.rounds(engine)) kills, \(acknowledged) acknowledged changes")
        #expect(acknowledged >= Self.rounds(engine), "too little was pushed to say anything (seed \(seed))")
        #expect(try await registry.server.terminate() == 0)
        try await Fsck.expectClean(registry, "[seed \(seed)]")
    }
}
