import Foundation
import Testing

/// One row of the table that the server's ``AnsiText`` and the page's `ansi.js` are both held to.
struct AnsiCase: Sendable, Decodable, CustomTestStringConvertible {
    let name: String
    /// A log entry as the builder wrote it.
    let raw: String
    /// What it becomes: pairs of class names and text.
    let runs: [[String]]
    var testDescription: String { name }

    static let all: [AnsiCase] = {
        do { return try JSONDecoder().decode([AnsiCase].self, from: Data(table.utf8)) } catch {
            Issue.record("The table of cases can't be read: \(error)")
            return []
        }
    }()

    /// JSON, because a browser reads it as well.
    static let table = #"""
        [
        {"name": "plain text stays as it is", "raw": "hello, wörld 🚢", "runs": [["", "hello, wörld 🚢"]]},
        {"name": "markup is only text", "raw": "<script>alert(1)</script>",
          "runs": [["", "<script>alert(1)</script>"]]},
        {"name": "nothing at all", "raw": "", "runs": []},
        {"name": "a colour and its end", "raw": "\u001b[31mred\u001b[0m plain",
          "runs": [["f1", "red"], ["", " plain"]]},
        {"name": "SGR without a number resets", "raw": "\u001b[1mbold\u001b[m plain",
          "runs": [["b", "bold"], ["", " plain"]]},
        {"name": "several numbers in one sequence", "raw": "\u001b[1;4;32;41mx", "runs": [["f2 g1 b u", "x"]]},
        {"name": "bright colours", "raw": "\u001b[91ma\u001b[107mb", "runs": [["f9", "a"], ["f9 g15", "b"]]},
        {"name": "each attribute ends by its own number",
          "raw": "\u001b[1;2;3;4;7;9mx\u001b[22;23my\u001b[24;27;29mz",
          "runs": [["b d i u s v", "x"], ["u s v", "y"], ["", "z"]]},
        {"name": "default colours", "raw": "\u001b[31;42mx\u001b[39my\u001b[49mz",
          "runs": [["f1 g2", "x"], ["g2", "y"], ["", "z"]]},
        {"name": "double underline is underline", "raw": "\u001b[21mx", "runs": [["u", "x"]]},
        {"name": "a colour of the table below 16", "raw": "\u001b[38;5;12mx", "runs": [["f12", "x"]]},
        {"name": "a colour of the cube becomes the nearest", "raw": "\u001b[38;5;196mx", "runs": [["f9", "x"]]},
        {"name": "a grey of the ramp becomes the nearest", "raw": "\u001b[48;5;244mx", "runs": [["g8", "x"]]},
        {"name": "a 24-bit colour becomes the nearest", "raw": "\u001b[38;2;250;10;5mx", "runs": [["f9", "x"]]},
        {"name": "colons instead of semicolons", "raw": "\u001b[38:5:3mx", "runs": [["f3", "x"]]},
        {"name": "what follows an extended colour still counts", "raw": "\u001b[38;5;3;1mx", "runs": [["f3 b", "x"]]},
        {"name": "a colour outside of the table changes nothing", "raw": "\u001b[31m\u001b[38;5;999mx",
          "runs": [["f1", "x"]]},
        {"name": "half a 24-bit colour changes nothing", "raw": "\u001b[31m\u001b[38;2;1;2mx", "runs": [["f1", "x"]]},
        {"name": "an endless number is bounded", "raw": "\u001b[99999999999999999999999999mx", "runs": [["", "x"]]},
        {"name": "more than 32 numbers are none",
          "raw": "\u001b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1mx",
          "runs": [["", "x"]]},
        {"name": "blinking and hidden text are plain", "raw": "\u001b[5;8mx", "runs": [["", "x"]]},
        {"name": "a private sequence is not SGR", "raw": "\u001b[?1mx\u001b[>4;2my", "runs": [["", "xy"]]},
        {"name": "an intermediate makes it no SGR", "raw": "\u001b[1 mx", "runs": [["", "x"]]},
        {"name": "cursor movement and erasing are dropped", "raw": "a\u001b[2Kb\u001b[1;1Hc\u001b[?25ld",
          "runs": [["", "abcd"]]},
        {"name": "OSC 8 links are dropped, their text stays",
          "raw": "\u001b]8;;javascript:alert(1)\u0007click\u001b]8;;\u0007",
          "runs": [["", "click"]]},
        {"name": "OSC ended by ST", "raw": "a\u001b]0;title\u001b\\b", "runs": [["", "ab"]]},
        {"name": "OSC 52 does not reach the clipboard", "raw": "\u001b]52;c;cm0gLXJmIC8=\u0007x", "runs": [["", "x"]]},
        {"name": "an OSC that never ends hides its line", "raw": "a\u001b]8;;http://evil", "runs": [["", "a"]]},
        {"name": "CAN ends a string", "raw": "\u001b]0;x\u0018y", "runs": [["", "y"]]},
        {"name": "an escape inside a string begins anew", "raw": "\u001b]0;x\u001b[31my", "runs": [["f1", "y"]]},
        {"name": "DCS, SOS, PM and APC are dropped",
          "raw": "a\u001bPq\u001b\\b\u001bXq\u001b\\c\u001b^q\u001b\\d\u001b_q\u001b\\e",
          "runs": [["", "abcde"]]},
        {"name": "8-bit CSI is CSI", "raw": "\u009b31mx", "runs": [["f1", "x"]]},
        {"name": "8-bit OSC ended by 8-bit ST", "raw": "\u009d0;t\u009cx", "runs": [["", "x"]]},
        {"name": "character sets and single shifts are dropped", "raw": "\u001b(Ba\u001b)0b\u001b7c\u001b=d",
          "runs": [["", "abcd"]]},
        {"name": "an escape at the end", "raw": "a\u001b", "runs": [["", "a"]]},
        {"name": "CSI at the end", "raw": "a\u001b[1;2", "runs": [["", "a"]]},
        {"name": "a broken CSI leaves the character that broke it", "raw": "\u001b[3\u00e4x", "runs": [["", "äx"]]},
        {"name": "controls go, tab and line feed stay", "raw": "a\u0000b\u0007c\td\ne\u007ff\u0008",
          "runs": [["", "abc\td\nef"]]},
        {"name": "characters that turn the direction are dropped", "raw": "a\u202eb\u2066c\u2069d",
          "runs": [["", "abcd"]]},
        {"name": "a carriage return rewrites its line", "raw": "10%\r20%\r100%", "runs": [["", "100%"]]},
        {"name": "a rewritten line takes its styles along", "raw": "\u001b[31mold\r\u001b[32mnew",
          "runs": [["f2", "new"]]},
        {"name": "only the last line is rewritten", "raw": "a\nb\rc", "runs": [["", "a\nc"]]},
        {"name": "rewriting reaches over runs", "raw": "a\n\u001b[31mb\u001b[0mc\rd", "runs": [["", "a\nd"]]},
        {"name": "CRLF is a line end", "raw": "a\r\nb\r", "runs": [["", "a\nb"]]},
        {"name": "neighbours of one style are one run", "raw": "\u001b[31ma\u001b[31mb\u001b[0m\u001b[31mc",
          "runs": [["f1", "abc"]]},
        {"name": "a quote before a combining mark is text", "raw": "\"\u0301 onmouseover=x",
          "runs": [["", "\"\u0301 onmouseover=x"]]}
        ]
        """#
}
