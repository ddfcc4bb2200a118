import Foundation
import TestSupport
import Testing

/// Any part may die, sleep or be cut off at any step of a build: one outcome, the winner's image, a log without gap or
/// double, an empty queue, and nothing left that runs.
///
/// A choice in every run of the tests; `make chaos` tries everything. CHAOS="agent frozen at building" tries one.
@Suite("Chaos") struct ChaosTests {
    /// Cases that one farm goes through, one after another.
    struct Lane: Sendable, CustomStringConvertible {
        let name: String
        let managers: Int
        let usesRedis: Bool
        let cases: [ChaosCase]
        var description: String { "\(name): \(cases.count) cases" }
    }

    static var lanes: [Lane] {
        let wish = ProcessInfo.processInfo.environment["CHAOS"] ?? ""
        let cases: [ChaosCase] =
            switch wish {
            case "": ChaosCase.chosen
            case "all": ChaosCase.all
            default: ChaosCase.all.filter { $0.description == wish }
            }
        let plain = cases.filter { $0.victim != .redis }
        // Two at a time: most of the time is waited away.
        return (0..<2).map { number in
            Lane(
                name: "lane \(number + 1)", managers: 1, usesRedis: false,
                cases: plain.enumerated().filter { $0.offset % 2 == number }.map(\.element))
        }.filter { !$0.cases.isEmpty }
    }

    @Test("one outcome, whatever breaks", arguments: lanes)
    func survives(_ lane: Lane) async throws {
        let redis = lane.usesRedis ? try await RedisServer() : nil
        let farm = try await ChaosFarm(managers: lane.managers, redis: redis)
        for (number, chaos) in lane.cases.enumerated() {
            let repository = "chaos-\(number)"
            let begin = ContinuousClock.now
            do {
                let build = try await farm.build(holdingAt: chaos.step, in: repository)
                try await farm.inflict(chaos, on: build)
                try await farm.release()
                let outcome = try await farm.farm.outcome(
                    of: build, in: repository, token: farm.token, within: .seconds(90))
                #expect(outcome == "complete", "\(chaos)")
                let violations = try await ChaosInspection(chaos: farm, repository: repository, build: build)
                    .violations()
                #expect(violations.isEmpty, "\(chaos): \(violations.joined(separator: "; "))")
                let seconds = (ContinuousClock.now - begin).components.seconds
                print("Chaos: \(violations.isEmpty && outcome == "complete" ? "ok  " : "FAIL") \(chaos) (\(seconds) s)")
            } catch {
                Issue.record("\(chaos): \(error)")
                try await farm.release()
            }
        }
    }
}
