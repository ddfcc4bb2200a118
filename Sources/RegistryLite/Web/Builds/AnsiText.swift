/// A line of build output with its terminal escape sequences taken out: runs of plain text, each with a style.
///
/// Only SGR (`ESC [ … m`) has an effect, and only on colour and weight. Every other sequence is dropped with all that it
/// carries: cursor movement, OSC (window titles, links, clipboard), DCS, APC, PM, SOS, in their 7-bit and 8-bit
/// spellings. Other control characters are dropped but tab and line feed, and so are the characters that reverse the
/// direction of text. The runs hold no markup: whoever shows them makes text nodes and class names of them.
/// `Static/js/ansi.js` follows the same rules; both are held to the table of cases in `AnsiCase`.
struct AnsiText: Sendable, Hashable {
    struct Run: Sendable, Hashable {
        var text: String
        var style: AnsiStyle
    }

    /// Never empty runs, and never two neighbours of the same style.
    private(set) var runs: [Run] = []
    /// How many characters (Unicode scalars) were left out behind ``limit``.
    private(set) var omitted = 0

    /// The longest line that a page shows, in Unicode scalars; the raw log has the rest.
    static let limit = 8_192

    /// The text without its styles.
    var text: String { runs.map(\.text).joined() }

    init(_ raw: String) {
        var scanner = Scanner(Array(raw.unicodeScalars))
        var style = AnsiStyle()
        var pending = String.UnicodeScalarView()
        var shown = 0
        while let token = scanner.next() {
            switch token {
            case .scalar(let scalar):
                guard shown < Self.limit else {
                    omitted += 1
                    continue
                }
                shown += 1
                pending.append(scalar)
            case .carriageReturn:
                // A progress bar rewrites its line: only the last version is worth showing.
                while let last = pending.last, last != "\n" {
                    pending.removeLast()
                    shown -= 1
                }
                if pending.isEmpty { shown -= dropLine() }
            case .style(let parameters):
                var next = style
                next.apply(parameters)
                guard next != style else { continue }
                append(&pending, style)
                style = next
            }
        }
        append(&pending, style)
    }

    private mutating func append(_ pending: inout String.UnicodeScalarView, _ style: AnsiStyle) {
        guard !pending.isEmpty else { return }
        if let last = runs.last, last.style == style {
            runs[runs.count - 1].text += String(pending)
        } else {
            runs.append(Run(text: String(pending), style: style))
        }
        pending = String.UnicodeScalarView()
    }

    /// Removes finished runs back to the last line feed; answers how many scalars went.
    private mutating func dropLine() -> Int {
        var dropped = 0
        while let last = runs.last {
            var scalars = last.text.unicodeScalars
            while let scalar = scalars.last, scalar != "\n" {
                scalars.removeLast()
                dropped += 1
            }
            if scalars.isEmpty {
                runs.removeLast()
            } else {
                runs[runs.count - 1].text = String(scalars)
                break
            }
        }
        return dropped
    }
}

extension AnsiText {
    /// Splits output into visible characters and the sequences that matter. Source: ECMA-48, 5.4 and 8.3.
    private struct Scanner {
        enum Token {
            case scalar(Unicode.Scalar)
            case carriageReturn
            case style([Int])
        }

        private let scalars: [Unicode.Scalar]
        private var position = 0

        init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

        mutating func next() -> Token? {
            while position < scalars.count {
                let scalar = scalars[position]
                position += 1
                switch scalar {
                case "\u{1B}": if let token = escape() { return token }
                case "\u{9B}": if let token = controlSequence() { return token }
                case "\u{90}", "\u{98}", "\u{9D}", "\u{9E}", "\u{9F}": skipString()
                case "\r":
                    // A carriage return before a line feed or at the end is only a line end.
                    if position < scalars.count, scalars[position] != "\n", scalars[position] != "\r" {
                        return .carriageReturn
                    }
                case "\t", "\n": return .scalar(scalar)
                case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}": continue
                case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": continue
                default: return .scalar(scalar)
                }
            }
            return nil
        }

        /// What follows ESC.
        private mutating func escape() -> Token? {
            guard position < scalars.count else { return nil }
            let scalar = scalars[position]
            switch scalar {
            case "[":
                position += 1
                return controlSequence()
            case "]", "P", "X", "^", "_":
                position += 1
                skipString()
            case "\u{20}"..."\u{2F}":
                while position < scalars.count, ("\u{20}"..."\u{2F}").contains(scalars[position]) { position += 1 }
                if position < scalars.count, ("\u{30}"..."\u{7E}").contains(scalars[position]) { position += 1 }
            case "\u{30}"..."\u{7E}": position += 1
            default: break
            }
            return nil
        }

        /// What follows CSI: parameters and intermediates up to a final byte; only a plain `m` means anything.
        private mutating func controlSequence() -> Token? {
            let start = position
            while position < scalars.count {
                let scalar = scalars[position]
                switch scalar {
                case "\u{20}"..."\u{3F}": position += 1
                case "\u{40}"..."\u{7E}":
                    position += 1
                    guard scalar == "m" else { return nil }
                    return AnsiStyle.parameters(scalars[start..<(position - 1)]).map(Token.style)
                default: return nil
                }
            }
            return nil
        }

        /// Drops a control string up to its terminator; one that is never closed hides the rest of the line.
        private mutating func skipString() {
            while position < scalars.count {
                let scalar = scalars[position]
                position += 1
                switch scalar {
                case "\u{07}", "\u{18}", "\u{1A}", "\u{9C}": return
                case "\u{1B}":
                    if position < scalars.count, scalars[position] == "\\" { position += 1 } else { position -= 1 }
                    return
                default: continue
                }
            }
        }
    }
}
