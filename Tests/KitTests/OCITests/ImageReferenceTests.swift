import OCI
import Testing

private let digest = "sha256:\(String(repeating: "ab", count: 32))"

@Suite("Image references") struct ImageReferenceTests {

    @Test(
        "fills in what Docker fills in",
        arguments: [
            ("busybox", "docker.io", "library/busybox", nil, nil),
            ("busybox:1.36", "docker.io", "library/busybox", "1.36", nil),
            ("user/app", "docker.io", "user/app", nil, nil),
            ("docker.io/busybox", "docker.io", "library/busybox", nil, nil),
            ("index.docker.io/user/app:v1", "docker.io", "user/app", "v1", nil),
            ("localhost/app", "localhost", "app", nil, nil),
            ("localhost:5000/app:x", "localhost:5000", "app", "x", nil),
            ("127.0.0.1:8080/ns/app/sub:v1", "127.0.0.1:8080", "ns/app/sub", "v1", nil),
            ("[::1]:8080/ns/app", "[::1]:8080", "ns/app", nil, nil),
            ("quay.example.com/ns/a__b-c.d", "quay.example.com", "ns/a__b-c.d", nil, nil),
            ("Registry/app", "Registry", "app", nil, nil),
            ("q.io/a/b@\(digest)", "q.io", "a/b", nil, digest), ("q.io/a/b:t@\(digest)", "q.io", "a/b", "t", digest),
        ] as [(String, String, String, String?, String?)])
    func parses(_ text: String, _ registry: String, _ path: String, _ tag: String?, _ digest: String?) throws {
        let reference = try ImageReference(text)
        #expect(reference.registry == registry)
        #expect(reference.path == path)
        #expect(reference.tag == tag)
        #expect(reference.digest?.text == digest)
        #expect(try ImageReference(reference.text) == reference)
    }

    @Test(
        "refuses what is no reference",
        arguments: [
            "", "/", ":tag", "a:", "a@", "a@sha256:1", "UPPER", "a//b", "/a", "a/", "q.io/", "q.io/Upper", "a b",
            "a_-b",
            "a..b", "a___b", "-a", "a-", "q.io:port/a", "q.io:99999/a", "q..io/a", "-q.io/a", "a:-tag", "a:.tag",
            "a:t/b:",
            "https://q.io/a", "a:\(String(repeating: "t", count: 129))", String(repeating: "a", count: 300), "é",
            "a@\(digest)@\(digest)", String(repeating: "a", count: 64), "q.io/a;rm", "q.io/a$(x)", "a\n",
        ])
    func refuses(_ text: String) { #expect(throws: ImageReference.Malformed.self) { try ImageReference(text) } }

    @Test("is built from parts that were checked")
    func parts() throws {
        let reference = try ImageReference(registry: "q.io:443", path: "ns/app", tag: "v1")
        #expect(reference.text == "q.io:443/ns/app:v1")
        #expect(throws: ImageReference.Malformed.self) { try ImageReference(registry: "ns", path: "app") }
        #expect(throws: ImageReference.Malformed.self) { try ImageReference(registry: "q.io", path: "ns/app:v1") }
    }
}
