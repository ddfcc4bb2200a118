import Foundation

/// A moment as a page shows it: exact for machines, readable in UTC, and how long ago.
struct PageTime: Sendable, Hashable {
    /// For the `datetime` attribute: `2026-11-25T01:02:03Z`.
    let machine: String
    /// `25 Nov 2026, 01:02 UTC`.
    let full: String
    /// `3 minutes ago`; a moment in the future counts as now.
    let relative: String

    init(_ moment: Date, now: Date) {
        let civil = CivilTime(moment)
        machine = civil.machine
        full = civil.readable
        relative = Self.ago(now.timeIntervalSince(moment))
    }

    private static func ago(_ seconds: TimeInterval) -> String {
        let steps: [(limit: Double, unit: Double, name: String)] = [
            (3_600, 60, "minute"), (86_400, 3_600, "hour"), (30 * 86_400, 86_400, "day"),
            (365 * 86_400, 30 * 86_400, "month"), (.infinity, 365 * 86_400, "year"),
        ]
        guard seconds >= 45 else { return "just now" }
        for step in steps where seconds < step.limit {
            let count = max(1, Int(seconds / step.unit))
            return "\(count) \(step.name)\(count == 1 ? "" : "s") ago"
        }
        return "long ago"
    }
}

/// A moment in the Gregorian calendar at UTC. Written out by hand because a calendar service costs megabytes.
struct CivilTime: Sendable, Hashable {
    let year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    init(_ moment: Date) {
        // Far outside of what a build can have; keeps the arithmetic below from overflowing.
        let seconds = Int(min(max(moment.timeIntervalSince1970, -6.2e10), 2.5e11).rounded(.down))
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60)
        // Counts from 1 March of the year 0, so that the leap day is the last of its year.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Reads `2026-11-25 01:02:03.123456`, the way log entries carry their moment, in UTC; nil for anything else.
    static func moment(_ text: String) -> Date? {
        guard let match = text.wholeMatch(of: /(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(\.\d{1,9})?Z?/),
            let year = Int(match.1), let month = Int(match.2), let day = Int(match.3), (1...12).contains(month),
            (1...31).contains(day), let hour = Int(match.4), let minute = Int(match.5), let second = Int(match.6)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let fraction = match.7.flatMap { Double("0" + $0) } ?? 0
        return Date(timeIntervalSince1970: Double(days * 86_400 + hour * 3_600 + minute * 60 + second) + fraction)
    }

    var machine: String { "\(year)-\(two(month))-\(two(day))T\(clock)Z" }
    var readable: String { "\(day) \(Self.months[month - 1]) \(year), \(two(hour)):\(two(minute)) UTC" }
    /// `01:02:03`.
    var clock: String { "\(two(hour)):\(two(minute)):\(two(second))" }

    private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
}

/// A span of time as a page shows it: the two largest units.
struct PageDuration: Sendable, Hashable {
    let text: String

    /// Negative spans, of clocks that were set back, count as nothing.
    init(seconds: TimeInterval) {
        let whole = Int(min(max(seconds, 0), 3.2e9))
        switch whole {
        case 0: text = seconds > 0 ? "under 1 s" : "0 s"
        case 1..<60: text = "\(whole) s"
        case 60..<3_600: text = "\(whole / 60) min \(whole % 60) s"
        case 3_600..<86_400: text = "\(whole / 3_600) h \(whole / 60 % 60) min"
        default: text = "\(whole / 86_400) d \(whole / 3_600 % 24) h"
        }
    }
}
