import Foundation
import Logging
import Synchronization

/// Texts of strangers inside log lines: nothing in them may look like a line, or a field, of its own.
enum LogText {
    /// UTC with milliseconds. Source: RFC 3339.
    static func time(_ date: Date) -> String {
        date.formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
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

/// Standard error, line by line and without a buffer: what was logged is out when the program dies.
enum StandardError {
    private static let turn = Mutex(())

    @Sendable static func write(_ line: String) {
        let bytes = Array(line.utf8)
        // One line after the other, also when a line is longer than a pipe takes at once.
        turn.withLock { _ in
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Foundation.write(STDERR_FILENO, $0.baseAddress?.advanced(by: written), bytes.count - written)
                }
                if count < 0, errno == EINTR { continue }
                // Nobody reads standard error any more: there is nowhere left to say so.
                guard count > 0 else { return }
                written += count
            }
        }
    }
}
