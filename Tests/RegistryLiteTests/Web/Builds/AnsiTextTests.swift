import TestSupport
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

@Suite("Terminal output that means harm") struct AnsiFuzzTests {
    static let pieces = [
        "\u{1B}[31m", "\u{1B}[38;5;196m", "\u{1B}[38;2;1;2;3m", "\u{1B}[", "\u{9B}",
        "\u{1B}]8;;javascript:alert(1)\u{07}",
        "\u{1B}]52;c;aGk=\u{1B}\\", "\u{1B}P", "\u{90}", "\u{1B}^x", "\u{1B}\\", "\u{18}", "\r", "\n", "\t", "\u{8}",
        "\u{202E}", "\u{2066}", "<script>", "&amp;", "\"", "'", "é", "🦆", "\u{301}", "text", "0;0;0;0m",
        "9999999999999999999999m",
        ";", ":", "?25l", "\u{7F}", "\u{85}", "\u{0}",
    ]

    @Test("SEC-XSS: whatever a build prints, only plain text and known class names come out")
    func plain() {
        var fuzz = Fuzz("ANSI")
        let known = Set((0..<16).flatMap { ["f\($0)", "g\($0)"] } + ["b", "d", "i", "u", "s", "v"])
        for _ in 0..<Fuzz.count(of: 3000) {
            let raw = fuzz.text(of: Self.pieces, 0...40)
            let text = AnsiText(raw)
            for run in text.runs {
                #expect(!run.text.isEmpty)
                #expect(Set(run.style.classes.split(separator: " ").map(String.init)).isSubset(of: known))
                for scalar in run.text.unicodeScalars {
                    let isControl =
                        (scalar.value < 0x20 && scalar != "\t" && scalar != "\n")
                        || (0x7F...0x9F).contains(scalar.value)
                    let reverses = (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
                    #expect(!isControl && !reverses, "seed \(fuzz.seed): \(raw.debugDescription)")
                }
            }
            for (left, right) in zip(text.runs, text.runs.dropFirst()) { #expect(left.style != right.style) }
            // What is plain already stays as it is.
            #expect(AnsiText(text.text).text == text.text, "seed \(fuzz.seed): \(raw.debugDescription)")
        }
    }

    @Test("SEC-Resource exhaustion: a line of 10 MB is cut in time that grows with its length")
    func long() {
        let start = ContinuousClock.now
        let text = AnsiText(String(repeating: "\u{1B}[31mx\r", count: 1_500_000) + "end")
        #expect(text.text == "end")
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}
