import OCI
import Testing

@Suite("Hashes that grow") struct DigestHasherTests {
    static let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    @Test(
        "a hash that was written down goes on as if nothing had happened, wherever it was cut",
        arguments: [Digest.Algorithm.sha256, .sha512], [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 640, 1000])
    func goesOn(_ algorithm: Digest.Algorithm, cut: Int) throws {
        var first = DigestHasher(algorithm)
        Self.bytes[..<cut].withUnsafeBytes { first.update($0) }
        let saved = first.saved
        var second = try #require(DigestHasher(saved: saved))
        #expect(second.count == Int64(cut))
        #expect(second.digest() == first.digest())
        Self.bytes[cut...].withUnsafeBytes { second.update($0) }
        #expect(second.digest() == Digest(of: Self.bytes, by: algorithm))
        #expect(saved.utf8.count < 300)
    }

    @Test("known digests, of nothing and of abc")
    func known() throws {
        #expect(
            Digest(of: Array("abc".utf8)).text
                == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Digest(of: []).text == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test(
        "SEC-Deserialisation of stored state: anything else than what was written is no hash",
        arguments: [
            "", "1", "1:sha256:0:", "2:sha256:0:AA==", "1:md5:0:", "1:sha256:-1:AAAA",
            "1:sha256:9223372036854775807:AAAA",
            "1:sha256:1:AAAA", "1:sha512:0:AAAA", "1:sha256:x:AAAA", "1:sha256:0:!!!!",
        ])
    func refuses(_ text: String) { #expect(DigestHasher(saved: text) == nil) }

    @Test("a copy is independent") func copies() {
        var one = DigestHasher(.sha256)
        Self.bytes.withUnsafeBytes { one.update($0) }
        let copy = one
        one.update(UnsafeRawBufferPointer(start: nil, count: 0))
        Self.bytes.withUnsafeBytes { one.update($0) }
        #expect(copy.digest() == Digest(of: Self.bytes))
        #expect(one.digest() == Digest(of: Self.bytes + Self.bytes))
    }
}
