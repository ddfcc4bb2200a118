import Domain
import Foundation
import Runtime
import Testing

@testable import Buildman

@Suite("Memory orchestrator", .timeLimit(.minutes(1))) struct MemoryOrchestratorTests {
    static func record(_ attempt: Int) -> JobRecord {
        JobRecord(
            key: JobKey(buildUUID: "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f", attempt: attempt), executor: "local",
            executionID: "1")
    }

    @Test("says when a job's moment has come, and not of jobs that were moved or removed") func expiries() async {
        let orchestrator = MemoryOrchestrator(clock: .system)
        let soon = WallClock.system.now.addingTimeInterval(0.05)
        await orchestrator.put(Self.record(1), expiresAt: soon)
        await orchestrator.put(Self.record(2), expiresAt: soon)
        await orchestrator.put(Self.record(3), expiresAt: soon.addingTimeInterval(0.05))
        await orchestrator.move(Self.record(1).key, expiresAt: soon.addingTimeInterval(3600))
        await orchestrator.remove(Self.record(2).key)
        await orchestrator.move(Self.record(4).key, expiresAt: soon)
        var iterator = orchestrator.expiries.makeAsyncIterator()
        #expect(await iterator.next() == Self.record(3).key)
        // Still known: it expires again when it is asked for.
        await orchestrator.move(Self.record(3).key, expiresAt: soon)
        #expect(await iterator.next() == Self.record(3).key)
    }
}
