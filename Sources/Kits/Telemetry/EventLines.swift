import Foundation
package import Logging
package import Runtime

/// Log lines that come with every request: made without a dictionary, and written many at a time.
///
/// They look like the lines of every other logger, and stand among them in order; but they may be held back for a tenth
/// of a second, so the last ones are lost when the program is killed.
package final class EventLines: Sendable {
    private let label: String
    private let format: LogFormat
    private let clock: WallClock
    private let sink: @Sendable (ArraySlice<UInt8>) -> Void

    package convenience init(label: String, format: LogFormat, clock: WallClock = .system) {
        self.init(label: label, format: format, clock: clock, sink: StandardError.hold)
    }

    init(label: String, format: LogFormat, clock: WallClock, sink: @escaping @Sendable (ArraySlice<UInt8>) -> Void) {
        self.label = label
        self.format = format
        self.clock = clock
        self.sink = sink
    }

    /// Writes one line; `fields` adds to it what belongs to it, in the order that it is to have.
    package func write(_ level: Logger.Level, _ message: StaticString, fields: (inout LogFields) -> Void) {
        var line = LogFields(format: format)
        let now = clock.now
        switch format {
        case .text:
            line.begin(at: now)
            line.append(" \(level) \(label): \(message)")
        case .json:
            line.append("{\"time\":\"")
            line.begin(at: now)
            line.append("\",\"level\":\"\(level)\",\"logger\":\(LogText.json(label)),\"message\":\"\(message)\"")
            line.append(",\"metadata\":{")
        }
        fields(&line)
        line.append(format == .json ? "}}\n" : "\n")
        sink(line.bytes[...])
    }

    /// Writes what is still held back.
    package func flush() { StandardError.flush() }
}

/// The fields of one line, written down as they come.
package struct LogFields {
    private let format: LogFormat
    private var isFirst = true
    fileprivate(set) var bytes: [UInt8] = []

    init(format: LogFormat) {
        self.format = format
        bytes.reserveCapacity(512)
    }

    package mutating func add(_ key: StaticString, _ value: String) {
        begin(key)
        let isPlain = value.utf8.allSatisfy(Self.isPlain)
        switch format {
        case .json:
            if isPlain { append("\"\(value)\"") } else { append(LogText.json(value)) }
        case .text:
            if isPlain, !value.isEmpty { append(value) } else { append(LogText.value(.string(value))) }
        }
    }

    package mutating func add(_ key: StaticString, _ value: Int) {
        begin(key)
        append("\(value)")
    }

    /// Whole microseconds, written as thousandths of a millisecond.
    package mutating func add(_ key: StaticString, milliseconds duration: Duration) {
        begin(key)
        let (seconds, attoseconds) = duration.components
        let microseconds = max(0, seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        let rest = microseconds % 1000
        append("\(microseconds / 1000).\(rest < 100 ? "0" : "")\(rest < 10 ? "0" : "")\(rest)")
    }

    fileprivate mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    fileprivate mutating func begin(at date: Date) { LogText.appendTime(date, to: &bytes) }

    private mutating func begin(_ key: StaticString) {
        switch format {
        case .text:
            bytes.append(UInt8(ascii: " "))
            append("\(key)")
            bytes.append(UInt8(ascii: "="))
        case .json:
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            append("\"\(key)\":")
        }
        isFirst = false
    }

    /// What needs no escape and no quotes: no blank, quote, backslash, equal sign, control, and nothing beyond ASCII.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            && byte != UInt8(ascii: "=")
    }
}
