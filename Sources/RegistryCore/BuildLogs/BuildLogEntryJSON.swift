package import Domain
import Foundation

/// An entry of a build's log as one line of JSON: `{"message":…,"type":…,"data":{…}}`, as Redis, archives and downloads
/// have it. Source: Quay 6.12.
package enum BuildLogEntryJSON {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Appends the entry to `line`; a line feed inside of a text is escaped, so the line has none.
    package static func write(_ entry: BuildLogEntry, to line: inout [UInt8]) {
        // Written by hand: logs have a million lines, and an encoder costs ten times as much.
        line += #"{"message":"#.utf8
        write(entry.message, to: &line)
        if let kind = entry.kind {
            line += #","type":"#.utf8
            write(kind.rawValue, to: &line)
        }
        if !entry.data.isEmpty {
            line += #","data":{"#.utf8
            for (place, name) in entry.data.keys.sorted().enumerated() {
                if place > 0 { line.append(UInt8(ascii: ",")) }
                write(name, to: &line)
                line.append(UInt8(ascii: ":"))
                write(entry.data[name] ?? "", to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
        line.append(UInt8(ascii: "}"))
    }

    package static func bytes(_ entry: BuildLogEntry) -> [UInt8] {
        var line: [UInt8] = []
        write(entry, to: &line)
        return line
    }

    /// Reads what ``write(_:to:)`` wrote. Errors: `DecodingError` for anything else.
    package static func read(_ line: some Sequence<UInt8>) throws -> BuildLogEntry {
        let read = try JSONDecoder().decode(Line.self, from: Data(line))
        return BuildLogEntry(
            message: read.message, kind: read.type.flatMap(BuildLogEntry.Kind.init(rawValue:)), data: read.data ?? [:])
    }

    private struct Line: Decodable {
        let message: String
        let type: String?
        let data: [String: String]?
    }

    private static func write(_ text: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                line.append(UInt8(ascii: "\\"))
                line.append(byte)
            case 0x0A: line += #"\n"#.utf8
            case 0x00...0x1F, 0x7F:
                line += #"\u00"#.utf8
                line.append(digits[Int(byte >> 4)])
                line.append(digits[Int(byte & 15)])
            default: line.append(byte)
            }
        }
        line.append(UInt8(ascii: "\""))
    }
}
