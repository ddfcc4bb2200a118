import Domain
import Foundation
import Runtime
import TestSupport

@testable import Buildman
@testable import RegistryCore

/// Two managers: the first one takes builds from the queue.
struct ManagerPair: Sendable {
    let one: ManagerFixture
    let two: ManagerFixture
    /// Where their orchestrators meet; its server lives as long.
    private let stage: OrchestratorStage
    var place: ScriptedPlace { one.executor.place }

    init(
        _ engine: TestDatabase.Engine = .sqlite, stage: OrchestratorStage? = nil,
        names: (String, String) = ("one:1/a", "two:1/b"),
        change: (inout ManagerFixture.Options) -> Void = { _ in }
    ) async throws {
        var options = ManagerFixture.Options()
        options.identity = names.0
        options.stopsWithManager = false
        options.attemptTiming.retryDelay = .milliseconds(10)
        // Shared, so that nothing is taken for a single manager's.
        let server = try await RedisServer()
        let stage = try stage ?? OrchestratorStage(server)
        self.stage = stage
        options.orchestrator = { try stage.orchestrator($0, clock: $1) }
        change(&options)
        one = try await ManagerFixture(options, database: ManagerFixture.database(engine))
        options.identity = names.1
        options.schedules = false
        two = try await ManagerFixture(
            options, database: try one.database.another(), place: one.executor.place, offset: one.offset)
    }

    /// Whom the attempt belongs to, by the database.
    func manager(of key: JobKey) async throws -> String? { try await one.attempts.find(key)?.manager }
}
