import Foundation
import Logging

/// Texts of strangers inside log lines: nothing in them may look like a line, or a field, of its own.
enum LogText {
    /// UTC with milliseconds. Source: RFC 3339.
    static func time(_ date: Date) -> String {
        var bytes: [UInt8] = []
        appendTime(date, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same by hand: Foundation's formatter takes longer than many a request.
    static func appendTime(_ date: Date, to bytes: inout [UInt8]) {
        // Between the years 0 and 9999, which have four digits.
        let limits = (-62_167_219_200.0, 253_402_300_799.0)
        let clamped = min(max(date.timeIntervalSince1970, limits.0), limits.1)
        let milliseconds = Int((clamped * 1000).rounded(.down))
        let (seconds, fraction) = floorDivision(milliseconds, 1000)
        let (day, secondOfDay) = floorDivision(seconds, 86_400)
        let (year, month, dayOfMonth) = civil(day)
        append(year, digits: 4, before: "-", to: &bytes)
        append(month, digits: 2, before: "-", to: &bytes)
        append(dayOfMonth, digits: 2, before: "T", to: &bytes)
        append(secondOfDay / 3600, digits: 2, before: ":", to: &bytes)
        append(secondOfDay / 60 % 60, digits: 2, before: ":", to: &bytes)
        append(secondOfDay % 60, digits: 2, before: ".", to: &bytes)
        append(fraction, digits: 3, before: "Z", to: &bytes)
    }

    private static func floorDivision(_ number: Int, _ divisor: Int) -> (Int, Int) {
        let rest = number % divisor
        return rest < 0 ? (number / divisor - 1, rest + divisor) : (number / divisor, rest)
    }

    /// The date of a day counted from 1970-01-01, in years that begin in March, so that the leap day is their last.
    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = floorDivision(day + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func append(_ number: Int, digits: Int, before end: Unicode.Scalar, to bytes: inout [UInt8]) {
        var divisor = [1, 1, 10, 100, 1000][digits]
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
        bytes.append(UInt8(ascii: end))
    }

    /// Control characters and line separators, written as escapes.
    static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where isControl(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Terminal escapes, C1 controls, line separators, and marks that turn the direction of writing.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// A key: without blanks, quotes and equal signs.
    static func bare(_ key: String) -> String { String(escaped(key).map { " =\"".contains($0) ? "_" : $0 }) }

    /// A value, in quotes unless it is one plain word.
    static func value(_ value: Logger.MetadataValue) -> String {
        let text = escaped(plain(value))
        let isWord = !text.isEmpty && !text.contains { " =\"\\".contains($0) }
        return isWord ? text : "\"" + text.replacingOccurrences(of: "\"", with: "\\\"") + "\""
    }

    private static func plain(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): text
        case .stringConvertible(let convertible): convertible.description
        case .array(let items): "[" + items.map(plain).joined(separator: ", ") + "]"
        case .dictionary(let entries):
            "{" + entries.sorted { $0.key < $1.key }.map { "\($0.key): \(plain($0.value))" }.joined(separator: ", ")
                + "}"
        }
    }

    static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): json(text)
        case .stringConvertible(let convertible): json(convertible.description)
        case .array(let items): "[" + items.map { json($0) }.joined(separator: ",") + "]"
        case .dictionary(let entries):
            "{" + entries.sorted { $0.key < $1.key }.map { "\(json($0.key)):\(json($0.value))" }.joined(separator: ",")
                + "}"
        }
    }

    static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where isControl(scalar):
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
