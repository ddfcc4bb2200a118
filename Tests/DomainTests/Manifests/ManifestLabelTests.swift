import Foundation
import Testing

@testable import Domain

@Suite("Labels") struct ManifestLabelTests {
    @Test(
        "quay.expires-after is a whole number with one unit",
        arguments: [
            ("20h", 72_000.0), ("2d", 172_800), ("3w", 1_814_400), ("1s", 1), ("90m", 5400), ("1y", 31_536_000),
            ("007d", 604_800),
        ])
    func expiry(_ text: String, _ seconds: Double) { #expect(ExpiryLabel(text)?.lifetime == seconds) }

    @Test(
        "every other value means no expiry",
        arguments: [
            "", "h", "20", "20 h", "20H", "-1h", "+1h", "1.5h", "1h30m", "0s", "٣h", "99999999999999999999w", "101y",
            "9223372036854775807w", "1h\u{0}",
        ])
    func noExpiry(_ text: String) { #expect(ExpiryLabel(text) == nil) }

    @Test(
        "a key has 1-255 lower-case letters and digits, joined by single dots and dashes",
        arguments: ["a", "a1", "com.example.team", "a-b.c", "1", String(repeating: "a", count: 255)])
    func accepts(_ text: String) throws { #expect(try LabelKey(text).text == text) }

    @Test(
        "refuses other keys",
        arguments: [
            "", "A", ".a", "a.", "-a", "a-", "a..b", "a-.b", "a_b", "a b", "é", "a\u{0}", "a/b",
            String(repeating: "a", count: 256),
        ])
    func refuses(_ text: String) { #expect(throws: LabelKey.Malformed.shape(text)) { try LabelKey(text) } }

    @Test(
        "a reserved prefix is refused in any letter case",
        arguments: ["quay.expires-after", "QUAY.x", "quay", "io.quay.x", "internal-x", "Com.Docker.x"])
    func reserved(_ text: String) {
        #expect(throws: LabelKey.Malformed.reserved(text)) {
            try LabelKey(text, reserved: ["quay", "io.quay", "internal", "com.docker.", ""])
        }
    }
}
