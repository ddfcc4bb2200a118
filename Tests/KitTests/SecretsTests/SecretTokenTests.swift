import Runtime
import Secrets
import Testing

@Suite("Secret tokens") struct SecretTokenTests {
    @Test("a random token has the asked length and alphabet, and no two are equal")
    func random() {
        let tokens = (0..<200).map { _ in
            SecretToken.random(length: 64, from: SecretToken.capitals, using: .system).text
        }
        #expect(Set(tokens).count == 200)
        #expect(tokens.allSatisfy { $0.count == 64 && $0.allSatisfy(SecretToken.capitals.contains) })
        #expect(Set(tokens.joined()) == Set(SecretToken.capitals), "every character occurs in 12,800")
    }

    @Test(
        "the stored form is SHA-256 in hexadecimal",
        arguments: [
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ])
    func stored(_ text: String, _ hash: String) {
        #expect(SecretToken(text).storedHash == hash)
        #expect(SecretToken(text).matches(storedHash: hash))
        #expect(!SecretToken(text + "d").matches(storedHash: hash))
        #expect(!SecretToken(text).matches(storedHash: String(hash.dropLast())))
        #expect(!SecretToken(text).matches(storedHash: ""))
    }

    @Test("compares tokens whole")
    func compares() {
        #expect(SecretToken("abc").matches(SecretToken("abc")))
        #expect(!SecretToken("abc").matches(SecretToken("abcd")))
        #expect(!SecretToken("abc").matches(SecretToken("")))
    }

    @Test("SEC-Secrets shown to readers: printing a token shows nothing of it")
    func printing() {
        let token = SecretToken("verysecret")
        var dumped = ""
        dump(token, to: &dumped)
        for text in ["\(token)", String(reflecting: token), dumped, "\([token])", "\(Optional(token) as Any)"] {
            #expect(!text.contains("verysecret"))
        }
    }

    @Test(
        "constant-time comparison answers like ==",
        arguments: [
            ([], [], true), ([1], [1], true), ([1], [2], false), ([1, 2], [1], false),
            ([1, 2, 3], [1, 2, 131], false),
        ] as [([UInt8], [UInt8], Bool)])
    func constantTime(_ left: [UInt8], _ right: [UInt8], _ equal: Bool) {
        #expect(constantTimeEquals(left, right) == equal)
    }

    @Test(
        "base 64 of URLs has one text for each value",
        arguments: [
            ("", []), ("AA", [0]), ("_-8", [0xFF, 0xEF]), ("AAEC", [0, 1, 2]),
        ] as [(String, [UInt8])])
    func base64(_ text: String, _ bytes: [UInt8]) {
        #expect(Base64URL.encode(bytes) == text)
        #expect(Base64URL.decode(text) == bytes)
    }

    @Test("base 64 of URLs refuses everything else", arguments: ["A", "AA==", "A A", "AB", "++8", "_-9", "AA\n", "ÄÄ"])
    func badBase64(_ text: String) { #expect(Base64URL.decode(text) == nil) }
}
