import Mustache

/// Escapes text for HTML, scalar by scalar.
///
/// The template engine's own escaping walks over grapheme clusters, so a quote that is followed by a combining mark is
/// one cluster to it and passes unescaped, while a browser sees a plain quote that ends the attribute. Characters that
/// HTML can't hold (NUL and other controls) become U+FFFD.
struct PageEscaping: MustacheContentType {
    /// The name that each template's first line gives; see ``PageRenderer``.
    static let contentTypeName = "PAGE"

    func escapeText(_ text: String) -> String { Self.escape(text) }

    static func escape(_ text: String) -> String {
        guard text.utf8.contains(where: isSpecial) else { return text }
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count + 16)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "&": escaped += "&amp;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case "`": escaped += "&#96;"
            case "\t", "\n", "\r": escaped.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{7F}": escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"), UInt8(ascii: "\""), UInt8(ascii: "'"),
            UInt8(ascii: "`"), 0x7F, 0...8, 11, 12, 14...31:
            true
        default: false
        }
    }
}
