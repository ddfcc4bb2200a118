package import Domain
package import Foundation

/// The entries that the manager itself writes into a build's log.
extension BuildLogEntry {
    /// A change of phase.
    /// - Parameter facts: what the builder told with it, such as the base image.
    package static func phase(_ phase: BuildPhase, at moment: Date, facts: [String: String] = [:]) -> BuildLogEntry {
        BuildLogEntry(
            message: phase.rawValue, kind: .phase, data: facts.merging(["datetime": moment.logText]) { $1 })
    }

    /// Why the build failed.
    package static func failure(_ failure: BuildFailure, at moment: Date) -> BuildLogEntry {
        var data = ["datetime": moment.logText, "error_code": failure.code.rawValue]
        data["base_error"] = failure.cause
        return BuildLogEntry(message: failure.message, kind: .error, data: data)
    }

    /// Output of the build; a line that begins a step is a command.
    package static func output(_ text: String, at moment: Date) -> BuildLogEntry {
        BuildLogEntry(
            message: text, kind: BuildStepMarker(line: text) == nil ? nil : .command, data: ["datetime": moment.logText]
        )
    }
}

extension Date {
    /// As build logs write a moment, in UTC: `2019-03-06 01:48:24.000000`. Source: Quay 6.12.
    var logText: String {
        let microseconds = Int64((timeIntervalSince1970 * 1_000_000).rounded(.down))
        let (seconds, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        let text = Date(timeIntervalSince1970: Double(seconds)).ISO8601Format(
            .init(dateTimeSeparator: .space, timeZoneSeparator: .colon, timeZone: .gmt))
        let digits = String(fraction)
        return text.replacing("Z", with: "") + "." + String(repeating: "0", count: 6 - digits.count) + digits
    }
}
