import ObjectStorage
import Testing

@Suite("Object keys") struct ObjectKeyTests {
    @Test("are an area and an identifier, and read back as they were written")
    func reads() throws {
        let key = try ObjectKey(area: "blobs", identifier: "0f3c2a10-aaaa-bbbb-cccc-0123456789ab")
        #expect(key.text == "blobs/0f/0f3c2a10-aaaa-bbbb-cccc-0123456789ab")
        #expect(try ObjectKey(stored: key.text) == key)
    }

    @Test(
        "SEC-Digest handling: nothing that could leave its folder becomes a key",
        arguments: [
            "", "a", "ab", "..", "../..", "../../etc/passwd", "a/b", "ABC", "a.b", "a b", "a\u{0}b", "-ab", "a-b",
            "é12",
            String(repeating: "a", count: 129),
        ])
    func refuses(_ identifier: String) {
        #expect(throws: ObjectKey.Malformed.self) { try ObjectKey(area: "blobs", identifier: identifier) }
    }

    @Test(
        "SEC-Digest handling: nor does a row that somebody changed",
        arguments: [
            "", "/", "blobs/ab", "blobs/ab/abc/d", "blobs/xx/abc", "/ab/abc", "../ab/abc", "blobs//abc", "BLOBS/ab/abc",
        ])
    func refusesStored(_ text: String) {
        #expect(throws: ObjectKey.Malformed.self) { try ObjectKey(stored: text) }
    }
}
