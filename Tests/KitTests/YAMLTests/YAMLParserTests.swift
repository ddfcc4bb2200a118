import Testing
import YAML

@Suite("YAML documents") struct YAMLParserTests {
    @Test("keeps the order of keys, kinds of values and their places")
    func tree() throws {
        let root = try YAMLParser.parse(
            """
            # a comment
            B: yes
            A:
              - 1
              - "yes"
              - {x: ~, y: 'it''s'}
            text: |
              two
              lines
            """)
        let mapping = try #require(root.mapping)
        #expect(mapping.entries.map(\.key) == ["B", "A", "text"])
        #expect(mapping["B"]?.scalar?.value == .bool(true))
        let items = try #require(mapping["A"]?.sequence)
        #expect(items.map(\.mark.line) == [4, 5, 6])
        #expect(items[1].scalar?.value == .text("yes"))
        #expect(items[2].mapping?["x"]?.isNull == true)
        #expect(items[2].mapping?["y"]?.scalar?.text == "it's")
        #expect(items[2].mapping?.entry("y")?.keyMark == YAMLMark(line: 6, column: 12))
        #expect(mapping["text"]?.scalar?.value == .text("two\nlines"))
        #expect(mapping["C"] == nil)
    }

    @Test("an empty text is null", arguments: ["", "\n", "# only a comment\n", "---\n", "---\n...\n"])
    func empty(_ text: String) throws {
        #expect(try YAMLParser.parse(text).isNull)
    }

    @Test("reads UTF-16 with its mark, characters beyond ASCII, and zero bytes of escapes")
    func encodings() throws {
        let wide: [UInt8] = [0xFF, 0xFE] + "a: ü".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        #expect(try YAMLParser.parse(wide).mapping?["a"]?.scalar?.text == "ü")
        #expect(try YAMLParser.parse(#"a: "x\0y\u00fc""#).mapping?["a"]?.scalar?.text == "x\0yü")
    }

    @Test("aliases and merge keys give values; own keys win")
    func merge() throws {
        let root = try YAMLParser.parse(
            """
            base: &base {a: 1, b: 2}
            other: &other {b: 3, c: 4}
            one: {<<: *base, b: 9}
            two: {<<: [*base, *other]}
            three: {"<<": 5}
            """)
        let one = root.mapping?["one"]?.mapping, two = root.mapping?["two"]?.mapping
        #expect(one?["a"]?.scalar?.value == .integer(1))
        #expect(one?["b"]?.scalar?.value == .integer(9))
        #expect(two?["b"]?.scalar?.value == .integer(2))
        #expect(two?["c"]?.scalar?.value == .integer(4))
        #expect(root.mapping?["three"]?.mapping?["<<"]?.scalar?.value == .integer(5))
    }

    @Test(
        "explicit tags of the core types are obeyed",
        arguments: [
            ("!!str 12", .text("12")), ("! 12", .text("12")), ("!!int \"12\"", .integer(12)), ("!!float 1", .float(1)),
            ("!!bool \"on\"", .bool(true)), ("!!null ''", .null),
        ] as [(String, YAMLScalar.Value)])
    func tags(_ text: String, _ value: YAMLScalar.Value) throws {
        #expect(try YAMLParser.parse("k: \(text)").mapping?["k"]?.scalar?.value == value)
    }

    @Test(
        "refuses bad texts and says where",
        arguments: [
            ("a: 1\nb: 2\na: 3\n", 3, 1, "the key \"a\" stands here twice, first on line 1"),
            ("a: 1\n'a': 3\n", 2, 1, "twice"),
            ("a: [1, 2\nb: 3\n", 2, 2, "flow sequence"),
            ("a: 1\n\tb: 2\n", 2, 1, "tab character that violates indentation"),
            ("a: b: c\n", 1, 5, "mapping values are not allowed"),
            ("a: *b\n", 1, 4, "*b refers to an anchor that is not defined above"),
            ("a: &a [*a]\n", 1, 8, "can't contain itself"),
            ("? [a, b]\n: c\n", 1, 3, "a key can't be a list"),
            ("a: 1\n---\nb: 2\n", 2, 1, "a second document starts here"),
            ("a: !!python/object:os.system x\n", 1, 4, "tag:yaml.org,2002:python/object:os.system is not allowed"),
            ("a: !secret x\n", 1, 4, "the tag !secret is not allowed"),
            ("a: !!set {x}\n", 1, 4, "is not allowed"),
            ("a: !!int x\n", 1, 4, "\"x\" is no value of the type int"),
            ("a: !!bool 2\n", 1, 4, "no value of the type bool"),
            ("a: {<<: 5}\n", 1, 9, "<< takes a mapping"),
            ("a: \"unfinished\n", 2, 1, "quoted scalar"),
            ("a: 1\nb: \u{7}\n", 2, 4, "control characters"),
        ])
    func refuses(_ text: String, _ line: Int, _ column: Int, _ words: String) {
        let error = #expect(throws: YAMLError.self) { try YAMLParser.parse(text) }
        #expect(error?.problem.contains(words) == true, "\(error.map(String.init(describing:)) ?? "none")")
        #expect(error?.mark == YAMLMark(line: line, column: column))
    }

    @Test("refuses bytes that are no text")
    func notUTF8() {
        let error = #expect(throws: YAMLError.self) { try YAMLParser.parse(Array("a: 1\nb: ".utf8) + [0xC3, 0x28]) }
        // libyaml names the second byte of the pair.
        #expect(error?.mark == YAMLMark(line: 2, column: 5))
    }

    @Test("SEC-Resource exhaustion: refuses aliases that multiply (billion laughs)")
    func billionLaughs() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...20 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
        }
        let error = #expect(throws: YAMLError.self) { try YAMLParser.parse(text) }
        #expect(error?.problem.contains("aliases counted at each use") == true)
    }

    @Test("SEC-Resource exhaustion: refuses depth, size and number beyond the limits")
    func limits() throws {
        let limits = YAMLLimits(maximumBytes: 100, maximumDepth: 3, maximumNodes: 10)
        #expect(try YAMLParser.parse("[[[1]]]", limits: limits).sequence != nil)
        #expect(throws: YAMLError.self) { try YAMLParser.parse("[[[[1]]]]", limits: limits) }
        #expect(try YAMLParser.parse("[1,2,3,4,5,6,7,8,9]", limits: limits).sequence?.count == 9)
        #expect(throws: YAMLError.self) { try YAMLParser.parse("[1,2,3,4,5,6,7,8,9,0]", limits: limits) }
        #expect(throws: YAMLError.self) { try YAMLParser.parse(String(repeating: "#", count: 101), limits: limits) }
        #expect(throws: YAMLError.self) { try YAMLParser.parse(String(repeating: "[", count: 900_000)) }
        #expect(throws: YAMLError.self) { try YAMLParser.parse(String(repeating: "{a: ", count: 200_000)) }
    }
}
