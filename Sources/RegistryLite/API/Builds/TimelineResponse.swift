import Domain
import Foundation

/// A build's `timeline`, a member of our own beside Quay's: when it was queued, and each of its launches step by step.
///
/// Moments are RFC 3339 in UTC with milliseconds; spans are seconds with milliseconds, and null while they last.
enum TimelineResponse {
    /// - Parameter showsCauses: whether the reader may see what the log says of failures.
    static func timeline(_ timeline: BuildTimeline, showsCauses: Bool) -> JSONValue {
        [
            "queued": moment(timeline.queuedAt), "queued_seconds": seconds(timeline.queuedSeconds),
            "ended": moment(timeline.endedAt),
            "total_seconds": seconds(timeline.endedAt?.timeIntervalSince(timeline.queuedAt)),
            "attempts": .array(timeline.attempts.map { attempt($0, showsCauses: showsCauses) }),
        ]
    }

    private static func attempt(_ attempt: BuildTimeline.Attempt, showsCauses: Bool) -> JSONValue {
        [
            "number": .integer(Int64(attempt.number)), "executor": JSONValue(attempt.executor),
            "outcome": JSONValue(attempt.outcome?.rawValue), "ended": moment(attempt.endedAt),
            "error_code": JSONValue(attempt.cause?.code?.rawValue),
            "cause": showsCauses ? JSONValue(attempt.cause?.text) : .null,
            "steps": .array(
                attempt.steps.map {
                    ["name": .string($0.name.rawValue), "at": moment($0.at), "seconds": seconds($0.seconds)]
                }),
        ]
    }

    private static func seconds(_ span: TimeInterval?) -> JSONValue {
        span.map { .real(($0 * 1000).rounded() / 1000) } ?? .null
    }

    static func moment(_ date: Date?) -> JSONValue {
        guard let date else { return .null }
        // Rounded first: the formatter cuts off, and .345 may be stored as .34499.
        let milliseconds = Int64((date.timeIntervalSince1970 * 1000).rounded())
        let (second, fraction) = (milliseconds / 1000, milliseconds % 1000)
        let text = Date(timeIntervalSince1970: TimeInterval(second)).ISO8601Format()
        let digits = String(fraction)
        return .string(
            text.dropLast() + "." + String(repeating: "0", count: 3 - digits.count) + digits + "Z")
    }
}
