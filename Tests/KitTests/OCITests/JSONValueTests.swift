import OCI
import Testing

@Suite("Strict JSON") struct JSONValueTests {
    @Test("reads every kind of value")
    func reads() throws {
        let text =
            #" {"a":[1,-0.5e+3,true,false,null,"\u00e9\ud83d\ude00\n\"\/"],"b":{},"c":[], "d":9223372036854775807} "#
        let object = try JSONValue(parsing: Array(text.utf8)).object
        #expect(
            object?["a"]
                == .array([.number("1"), .number("-0.5e+3"), .bool(true), .bool(false), .null, .string("é😀\n\"/")]))
        #expect(object?["b"] == .object([:]))
        #expect(object?["d"]?.integer == .max)
    }

    @Test(
        "refuses what is no JSON, or could be read in two ways",
        arguments: [
            "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "01", "1.", "+1", ".5", "1e", "nul",
            "\"\u{1}\"",
            "\"\\x\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u12g4\"", "\"open", "{} {}", "// c\n1",
            "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "NaN", "'a'", "\u{FEFF}{}",
        ])
    func refuses(_ text: String) {
        #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("refuses bytes that are not UTF-8")
    func refusesBytes() {
        #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test("a size must be a plain whole number of 64 bits", arguments: ["1.0", "1e3", "9223372036854775808", "\"1\""])
    func wholeNumbers(_ text: String) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)).integer == nil)
    }

    @Test("SEC-Resource exhaustion: nesting beyond the cap is refused, however deep it goes")
    func depth() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        _ = try JSONValue(parsing: nested(33))
        #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: nested(34)) }
        #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: nested(1_000_000)) }
    }
}
