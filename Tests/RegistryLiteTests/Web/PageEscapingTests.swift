import Testing

@testable import RegistryLite

@Suite("Page escaping") struct PageEscapingTests {
    @Test(
        "SEC-XSS: text can't leave its element or attribute",
        arguments: [
            ("<b>", "&lt;b&gt;"), ("a&b", "a&amp;b"), ("\"x\"", "&quot;x&quot;"), ("it's", "it&#39;s"),
            ("`x`", "&#96;x&#96;"),
            // One grapheme cluster, but still a quote to a browser.
            ("\"\u{301} onload=x", "&quot;\u{301} onload=x"), ("<\u{338}script>", "&lt;\u{338}script&gt;"),
            ("'\u{200D}", "&#39;\u{200D}"),
            // Characters that HTML can't hold.
            ("a\u{0}b", "a\u{FFFD}b"), ("\u{1B}[31m", "\u{FFFD}[31m"), ("\r\n\t", "\r\n\t"), ("\u{7F}", "\u{FFFD}"),
            ("plain äöü 🚢", "plain äöü 🚢"),
        ])
    func escapes(_ text: String, _ escaped: String) { #expect(PageEscaping.escape(text) == escaped) }
}
