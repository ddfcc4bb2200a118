import OCI
import Testing

private let hex64 = String(repeating: "0a", count: 32)
private let hex128 = String(repeating: "0a", count: 64)

@Suite("Digests") struct DigestTests {

    @Test("accepts sha256 and sha512 in full", arguments: ["sha256:\(hex64)", "sha512:\(hex128)"])
    func accepts(_ text: String) throws { #expect(try Digest(text).text == text) }

    @Test(
        "SEC-Digest handling: refuses other algorithms, lengths, cases, and anything that could leave a path",
        arguments: [
            "", ":", "sha256", "sha256:", "sha256:\(hex64)0", "sha256:\(hex64.dropLast())", "sha512:\(hex64)",
            "sha256:\(hex64.uppercased())", "SHA256:\(hex64)", "md5:\(hex64.prefix(32))", "sha1:\(hex64.prefix(40))",
            "sha384:\(hex64)", "sha256:../../../../etc/passwd", "sha256:" + String(repeating: "/", count: 64),
            "sha256:" + String(repeating: ".", count: 64), " sha256:\(hex64)", "sha256:\(hex64)\n",
            "sha256:\(hex64.dropLast())\u{0}", "sha256:\(hex64.dropLast(2))é", "sha256:\(hex64.dropLast())g",
            "sha256::\(hex64.dropLast())", "sha256+b64:\(hex64)", "sha256\u{0}:\(hex64)",
        ])
    func refuses(_ text: String) { #expect(throws: Digest.Malformed.self) { try Digest(text) } }

    @Test("hashes as the standards say")
    func hashes() {
        let empty256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        #expect(Digest(of: []).text == empty256)
        // FIPS 180-2, "abc".
        let abc512 =
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        #expect(Digest(of: Array("abc".utf8), by: .sha512).text == abc512)
    }

    @Test("a hash that grows in pieces equals the hash of the whole, and a copy goes its own way")
    func grows() {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var hasher = DigestHasher(.sha256)
        for start in stride(from: 0, to: bytes.count, by: 4_097) {
            bytes[start..<min(start + 4_097, bytes.count)].withUnsafeBytes { hasher.update($0) }
        }
        let copy = hasher
        [UInt8(1)].withUnsafeBytes { hasher.update($0) }
        #expect(copy.digest() == Digest(of: bytes))
        #expect(copy.count == 100_000)
        #expect(hasher.digest() == Digest(of: bytes + [1]))
    }
}
