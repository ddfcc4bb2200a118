import Foundation
import Logging
import Runtime
import Synchronization
import Testing

@testable import Telemetry

@Suite("Lines of requests") struct EventLinesTests {
    private func line(_ format: LogFormat, _ fields: (inout LogFields) -> Void) -> String {
        let line = Mutex("")
        let clock = WallClock(now: { Date(timeIntervalSince1970: 1_600_000_000.25) }, sleep: { _ in })
        EventLines(label: "Test", format: format, clock: clock) { bytes in
            line.withLock { $0 = String(decoding: bytes, as: UTF8.self) }
        }.write(.info, "request", fields: fields)
        return line.withLock { $0 }
    }

    private func fill(_ fields: inout LogFields) {
        fields.add("a", "plain")
        fields.add("b", "a blank, a \" and a \n")
        fields.add("c", "")
        fields.add("ms", milliseconds: .microseconds(1_234_056))
        fields.add("n", 42)
    }

    @Test("look as other lines do, as text") func text() {
        #expect(
            line(.text, fill)
                == "2020-09-13T12:26:40.250Z info Test: request a=plain b=\"a blank, a \\\" and a \\n\" c=\"\" ms=1234.056 n=42\n"
        )
    }

    @Test("look as other lines do, as JSON") func json() throws {
        let line = line(.json, fill)
        #expect(line.hasSuffix("}\n"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["time"] as? String == "2020-09-13T12:26:40.250Z")
        #expect(object["level"] as? String == "info")
        #expect(object["logger"] as? String == "Test")
        #expect(object["message"] as? String == "request")
        let fields = try #require(object["metadata"] as? [String: Any])
        #expect(fields["b"] as? String == "a blank, a \" and a \n")
        #expect(fields["ms"] as? Double == 1234.056)
        #expect(fields["n"] as? Int == 42)
    }

    @Test("short times keep their zeros", arguments: [(0, "0.000"), (7, "0.007"), (45_010, "45.010"), (-5, "0.000")])
    func times(microseconds: Int, text: String) {
        #expect(line(.text) { $0.add("ms", milliseconds: .microseconds(microseconds)) }.contains(" ms=\(text)\n"))
    }

    @Test("times by hand are Foundation's") func calendar() {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        // From 1900 to 2300, in steps that meet every hour and leap days.
        for number in 0..<2000 {
            let date = Date(timeIntervalSince1970: -2_208_988_800 + Double(number) * 6_311_433.125)
            #expect(LogText.time(date) == style.format(date))
        }
    }
}
