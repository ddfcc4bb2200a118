import Foundation
import Logging
import Runtime
import Synchronization
import Telemetry
import Testing

@Suite("Log lines") struct LogFormatTests {
    final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    static let clock = WallClock(now: { Date(timeIntervalSince1970: 1_600_000_000.25) }, sleep: { _ in })

    private func lines(_ format: LogFormat, level: Logger.Level = .info, _ body: (inout Logger) -> Void) -> [String] {
        let lines = Lines()
        var logger = Logger(label: "Test") { label in
            format.handler(label: label, level: level, clock: Self.clock) { line in
                lines.all.withLock { $0.append(line) }
            }
        }
        body(&logger)
        return lines.all.withLock { $0 }
    }

    @Test("a text line has time, level, logger, message and sorted metadata")
    func text() {
        let lines = lines(.text) { logger in
            logger[metadataKey: "build"] = "uuid-1"
            logger.warning("it is slow", metadata: ["took": "3 s", "a": ["x", "y"], "empty": ""])
        }
        #expect(
            lines == [
                "2020-09-13T12:26:40.250Z warning Test: it is slow a=\"[x, y]\" build=uuid-1 empty=\"\" took=\"3 s\"\n"
            ])
    }

    @Test("levels below the logger's are not written")
    func levels() {
        let lines = lines(.text, level: .warning) { logger in
            logger.info("no")
            logger.error("yes")
        }
        #expect(lines.count == 1 && lines[0].contains("yes"))
    }

    static let attacks = [
        "x\n2020-01-01T00:00:00.000Z info Test: forged", "x\r\nforged", "x\u{2028}forged", "x\u{1B}[2Kforged",
        "x\u{85}forged",
        "x\" forged=\"1", "\u{202E}forged", "x\u{0}forged", "back\\slash", "ünïcode 🙂",
    ]

    @Test("whatever a stranger sends, an event is one line without control characters", arguments: attacks)
    func forged(_ text: String) {
        for format in LogFormat.allCases {
            let lines = lines(format) { $0.info("\(text)", metadata: ["name": "\(text)", "\(text)": "v"]) }
            #expect(lines.count == 1)
            let body = lines[0].dropLast()
            #expect(
                !body.unicodeScalars.contains {
                    $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) || $0.value == 0x2028 || $0.value == 0x202E
                })
        }
    }

    @Test("a JSON line gives every text back", arguments: attacks)
    func json(_ text: String) throws {
        let lines = lines(.json) {
            $0.error("\(text)", metadata: ["name": "\(text)", "list": ["\(text)"], "map": ["k": "v"]])
        }
        let object = try #require(try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        let metadata = try #require(object["metadata"] as? [String: Any])
        #expect(object["message"] as? String == text && object["level"] as? String == "error")
        #expect(object["time"] as? String == "2020-09-13T12:26:40.250Z" && object["logger"] as? String == "Test")
        #expect(metadata["name"] as? String == text && metadata["list"] as? [String] == [text])
        #expect(metadata["map"] as? [String: String] == ["k": "v"])
    }
}
