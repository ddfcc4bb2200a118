import Testing

@testable import BuilderAgent

@Suite("Log buffer") struct LogBufferTests {
    @Test("numbers lines from 1 and keeps each until it is acknowledged")
    func numbers() {
        var buffer = LogBuffer()
        for text in ["a", "b", "c"] { buffer.append(text) }
        #expect(buffer.next() == .init(number: 1, json: "a"))
        #expect(buffer.next() == .init(number: 2, json: "b"))
        buffer.acknowledge(1)
        #expect(!buffer.isDrained)
        buffer.restart()
        #expect(buffer.next() == .init(number: 2, json: "b"))
        #expect(buffer.next() == .init(number: 3, json: "c"))
        #expect(buffer.next() == nil)
        buffer.acknowledge(3)
        #expect(buffer.isDrained)
    }

    @Test("ignores replies for lines that were not sent, or are gone")
    func strangeReplies() {
        var buffer = LogBuffer()
        buffer.append("a")
        buffer.acknowledge(9)
        #expect(!buffer.isDrained)
        #expect(buffer.next()?.number == 1)
        buffer.acknowledge(1)
        buffer.acknowledge(1)
        buffer.acknowledge(-3)
        buffer.append("b")
        #expect(buffer.next()?.number == 2)
    }

    @Test("is full by lines or by bytes, and takes nothing once closed")
    func bounds() {
        var byLines = LogBuffer(maximumLines: 2, maximumBytes: 1_000)
        byLines.append("a")
        #expect(!byLines.isFull)
        byLines.append("b")
        #expect(byLines.isFull)
        var byBytes = LogBuffer(maximumLines: 100, maximumBytes: 4)
        byBytes.append("12345")
        #expect(byBytes.isFull)
        _ = byBytes.next()
        byBytes.acknowledge(1)
        #expect(!byBytes.isFull)
        byBytes.close()
        byBytes.append("x")
        #expect(byBytes.isDrained)
    }
}

@Suite("Heartbeat rule") struct HeartbeatRuleTests {
    @Test(
        "three refusals in a row stop the build; any yes starts the count again",
        arguments: [
            ([true, true], .beatAfterPause), ([false], .beatAtOnce), ([false, false], .beatAtOnce),
            ([false, false, false], .stop), ([false, false, true], .beatAfterPause),
            ([false, false, true, false, false], .beatAtOnce), ([true, false, false, false], .stop),
        ] as [([Bool], HeartbeatRule.Action)])
    func rule(_ replies: [Bool], _ last: HeartbeatRule.Action) {
        var rule = HeartbeatRule()
        var action: HeartbeatRule.Action?
        for reply in replies { action = rule.replied(reply) }
        #expect(action == last)
    }
}

@Suite("Line splitter") struct LineSplitterTests {
    @Test(
        "splits at newlines, keeps colours, drops what a carriage return overwrote",
        arguments: [
            ("a\nb\n", ["a", "b"]), ("a\n\nb", ["a", "", "b"]), ("10%\r20%\r100%\ndone", ["100%", "done"]),
            ("a\r\nb\r\n", ["a", "b"]), ("\u{1B}[31mred\u{1B}[0m\tx\n", ["\u{1B}[31mred\u{1B}[0m\tx"]),
            ("a\u{0}b\u{7}\n", ["ab"]), ("", []),
        ])
    func splits(_ text: String, _ lines: [String]) {
        for size in [1, 3, 100] {
            var splitter = LineSplitter()
            var result: [String] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                result += splitter.feed(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            if let last = splitter.finish() { result.append(last) }
            #expect(result == lines)
        }
    }

    @Test("cuts a long line between two characters, and never loses one", arguments: ["ä", "€", "😀", "x"])
    func longLines(_ character: String) {
        var splitter = LineSplitter(maximumBytes: 10)
        let text = String(repeating: character, count: 50)
        var pieces = splitter.feed("a\(text)\n".utf8)
        if let last = splitter.finish() { pieces.append(last) }
        #expect(pieces.joined() == "a" + text)
        #expect(pieces.allSatisfy { $0.utf8.count <= 10 })
    }

    @Test("shows bytes that aren't UTF-8 as replacement characters")
    func invalid() {
        var splitter = LineSplitter(maximumBytes: 4)
        #expect(splitter.feed([0x61, 0xFF, 0x62, 0x0A]) == ["a\u{FFFD}b"])
        #expect(splitter.feed([0x80, 0x80, 0x80, 0x80, 0x80, 0x0A]).joined().contains("\u{FFFD}"))
    }
}
