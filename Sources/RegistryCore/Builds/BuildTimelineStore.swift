package import Domain
import Foundation
package import SQL

/// Reads when what happened to the launches of builds: from `build_attempt` and `build_attempt_phase`, for many builds at once.
package enum BuildTimelineStore {
    /// The attempts of each build, the first one first: those that an executor started, and the last one whatever became
    /// of it. The start calls that failed before are left out, since a build may wait through thousands of them.
    package static func attempts(
        ofBuilds ids: [Int64], in transaction: any Transaction
    ) throws -> [Int64: [BuildTimeline.Attempt]] {
        guard !ids.isEmpty else { return [:] }
        let phases = try phases(ofBuilds: ids, in: transaction)
        return try transaction.rows(
            """
            SELECT id, build_id, number, executor, created_ms, started_ms, registered_ms, ended_ms, outcome, error_code,
                cause
            FROM build_attempt WHERE build_id IN (\(list: ids)) AND (
                outcome IS NULL OR outcome <> \(AttemptOutcome.notStarted.rawValue) OR number =
                    (SELECT MAX(number) FROM build_attempt AS other WHERE other.build_id = build_attempt.build_id))
            ORDER BY build_id, number
            """
        ).reduce(into: [:]) { found, row in
            let attempt = try attempt(row, phases[try row.integer("id")] ?? [:])
            found[try row.integer("build_id"), default: []].append(attempt)
        }
    }

    private static func attempt(
        _ row: Row, _ phases: [BuildTimeline.StepName: Date]
    ) throws -> BuildTimeline.Attempt {
        var moments = phases
        moments[.scheduled] = try row.date("created_ms")
        moments[.started] = try row.dateIfAny("started_ms")
        moments[.registered] = try row.dateIfAny("registered_ms")
        let code = try row.textIfAny("error_code").flatMap(BuildFailureCode.init(rawValue:))
        return BuildTimeline.Attempt(
            number: try row.int("number"), executor: try row.textIfAny("executor"), moments: moments,
            endedAt: try row.dateIfAny("ended_ms"),
            outcome: try row.textIfAny("outcome").flatMap(AttemptOutcome.init(rawValue:)),
            cause: try row.textIfAny("cause").map { BuildFailureNote(code: code, text: $0) })
    }

    private static func phases(
        ofBuilds ids: [Int64], in transaction: any Transaction
    ) throws -> [Int64: [BuildTimeline.StepName: Date]] {
        try transaction.rows(
            """
            SELECT build_attempt_phase.attempt_id, build_attempt_phase.phase, build_attempt_phase.began_ms FROM build_attempt_phase
                JOIN build_attempt ON build_attempt.id = build_attempt_phase.attempt_id
            WHERE build_attempt.build_id IN (\(list: ids))
            """
        ).reduce(into: [:]) { found, row in
            guard let name = BuildTimeline.StepName(rawValue: try row.text("phase")) else { return }
            found[try row.integer("attempt_id"), default: [:]][name] = try row.date("began_ms")
        }
    }
}
