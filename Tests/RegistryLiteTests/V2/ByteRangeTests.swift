import Testing

@testable import RegistryLite

@Suite("Ranges of bytes") struct ByteRangeTests {
    @Test(
        "follow RFC 9110",
        arguments: [
            (nil, ByteRange.whole), ("bytes=0-0", .part(0..<1)), ("bytes=0-99", .part(0..<100)),
            ("bytes=10-19", .part(10..<20)), ("bytes=90-200", .part(90..<100)), ("bytes=99-", .part(99..<100)),
            ("bytes=0-", .part(0..<100)), ("bytes=-1", .part(99..<100)), ("bytes=-100", .part(0..<100)),
            ("bytes=-1000", .part(0..<100)), ("bytes=100-", .unsatisfiable), ("bytes=100-200", .unsatisfiable),
            ("bytes=-0", .unsatisfiable), ("bytes=99999999999999999999-", .unsatisfiable),
            ("bytes=0-99999999999999999999", .part(0..<100)),
            // A client that gets its ends mixed up must not take the whole for its part.
            ("bytes=5-4", .unsatisfiable), ("bytes=500-0", .unsatisfiable),
            // What is no single range of bytes is no range.
            ("bytes=-", .whole), ("bytes=a-b", .whole), ("bytes=0-1,5-6", .whole),
            ("bytes= 0-1", .whole), ("items=0-1", .whole), ("", .whole), ("bytes=+1-2", .whole),
        ] as [(String?, ByteRange)])
    func parses(_ header: String?, _ expected: ByteRange) {
        #expect(ByteRange(header, size: 100, etag: "\"e\"", ifRange: nil) == expected)
    }

    @Test("an empty blob has no part") func empty() {
        #expect(ByteRange("bytes=0-0", size: 0, etag: "\"e\"", ifRange: nil) == .unsatisfiable)
        #expect(ByteRange("bytes=-5", size: 0, etag: "\"e\"", ifRange: nil) == .unsatisfiable)
    }

    @Test("If-Range must name these very bytes") func ifRange() {
        #expect(ByteRange("bytes=0-1", size: 9, etag: "\"e\"", ifRange: "\"e\"") == .part(0..<2))
        #expect(ByteRange("bytes=0-1", size: 9, etag: "\"e\"", ifRange: "\"f\"") == .whole)
        #expect(ByteRange("bytes=0-1", size: 9, etag: "\"e\"", ifRange: "W/\"e\"") == .whole)
    }

    @Test(
        "If-None-Match compares weakly",
        arguments: [
            ("\"e\"", true), ("W/\"e\"", true), ("*", true), ("\"x\", \"e\"", true), ("\"x\"", false), ("e", false),
            (nil, false),
        ] as [(String?, Bool)])
    func entityTags(_ header: String?, _ expected: Bool) { #expect(EntityTag.matches(header, "\"e\"") == expected) }
}
