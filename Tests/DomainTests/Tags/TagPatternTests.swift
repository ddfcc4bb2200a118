import Testing

@testable import Domain

@Suite("Patterns of tag names") struct TagPatternTests {
    @Test(
        "a name, or a glob with * and ?; everything else stands for itself",
        arguments: [
            ("v1", "v1", true), ("v1", "v10", false), ("v1", "V1", false), ("v*", "v", true), ("v*", "v1.2", true),
            ("v*", "av", false), ("*", "anything", true), ("*", "", true), ("v?", "v1", true), ("v?", "v", false),
            ("v?.?", "v1.2", true), ("v1.2", "v1x2", false), ("*-release", "1.0-release", true),
            ("*-release", "1.0-release-2", false), ("*a*b", "xaxaxb", true), ("*a*b", "xbxa", false),
            ("v*.*.*", "v1.2.3", true), ("v*.*.*", "v1.2", false), ("a**b", "ab", true), ("a_b", "axb", false),
        ])
    func matches(_ pattern: String, _ name: String, _ expected: Bool) throws {
        #expect(try TagPattern(pattern).matches(name) == expected)
    }

    @Test(
        "refuses what no tag can match, and what belongs to other pattern languages",
        arguments: [
            "", ".*", "-v*", "^v.*$", "v[0-9]", "a b", "v%", "v\\d", "é*", String(repeating: "a", count: 129),
            "v*\u{0}",
        ])
    func refuses(_ text: String) { #expect(throws: TagPattern.Malformed.self) { try TagPattern(text) } }

    @Test("SEC-Resource exhaustion: many stars against a long name take no time that matters")
    func isLinearEnough() throws {
        let pattern = try TagPattern(String(repeating: "a*", count: 63) + "b")
        let clock = ContinuousClock()
        var matched = true
        let time = clock.measure { matched = pattern.matches(String(repeating: "a", count: 128)) }
        #expect(!matched)
        // An exponential matcher would take longer than anybody waits.
        #expect(time < .seconds(1))
    }
}
