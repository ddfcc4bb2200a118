import Testing

@testable import AWS

@Suite("XML of AWS") struct XMLTreeTests {
    @Test("reads elements, text, escapes, and skips what it has no use for") func reads() throws {
        let tree = try XMLTree(
            Array(
                """
                <?xml version="1.0"?>
                <!-- a <b> --><s3:List xmlns:s3="http://x/?a=1&amp;b"><Empty/><Item n="1"> a&lt;&#65;&#x42;&amp;
                </Item><Item><![CDATA[<x>&]]></Item></s3:List>
                """.utf8))
        #expect(tree.name == "List")
        #expect(tree.text("Item") == "a<AB&")
        #expect(tree.all("Item").map(\.text).last == "<x>&")
        #expect(tree.text("Empty")?.isEmpty == true)
        #expect(tree.text("None") == nil)
    }

    @Test(
        "SEC-Resource exhaustion: refuses what is no XML, or could blow up",
        arguments: [
            "", "text", "<a>", "</a>", "<a></b>", "<a/><b/>", "<a>&b;</a>", "<a>&#xD800;</a>", "<a", "<>", "<a>&",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "<a/>rest", String(repeating: "<a>", count: 100_000),
        ])
    func refuses(_ text: String) { #expect(throws: XMLTree.Malformed.self) { try XMLTree(Array(text.utf8)) } }

    @Test("refuses bytes that are not UTF-8") func bytes() {
        #expect(throws: XMLTree.Malformed.self) { try XMLTree([0x3C, 0x61, 0x2F, 0x3E, 0xFF]) }
    }
}
