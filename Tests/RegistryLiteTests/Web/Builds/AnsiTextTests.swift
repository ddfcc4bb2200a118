import Testing

@testable import RegistryLite

@Suite("ANSI output") struct AnsiTextTests {
    @Test("the table of cases is read") func tableIsRead() { #expect(AnsiCase.all.count > 40) }

    @Test("SEC-XSS: only SGR has an effect, and never becomes markup", arguments: AnsiCase.all)
    func followsTheTable(row: AnsiCase) {
        #expect(AnsiText(row.raw).runs.map { [$0.style.classes, $0.text] } == row.runs)
    }

    @Test("SEC-Resource exhaustion: a long line is cut and says by how much") func cutsLongLines() {
        let text = AnsiText(String(repeating: "x", count: AnsiText.limit + 5))
        #expect(text.text.count == AnsiText.limit)
        #expect(text.omitted == 5)
    }

    @Test("a progress bar of any length is not cut: only its last state counts") func progressIsNotCut() {
        let text = AnsiText(String(repeating: "\u{1B}[32m=====\u{1B}[0m>\r", count: 5_000) + "done")
        #expect(text.runs.map(\.text) == ["done"])
        #expect(text.omitted == 0)
    }

    @Test("class names are of a closed set: nothing of the input reaches them")
    func classNamesAreClosed() {
        let names = AnsiText("\u{1B}[38;5;200;48;2;1;2;3;1;2;3;4;7;9mx").runs.flatMap {
            $0.style.classes.split(separator: " ")
        }
        #expect(!names.isEmpty)
        #expect(names.allSatisfy { $0.wholeMatch(of: /[fg]\d{1,2}|[bdiusv]/) != nil })
    }
}
