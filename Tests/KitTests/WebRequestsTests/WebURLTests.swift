import Testing

@testable import WebRequests

@Suite("Web addresses") struct WebURLTests {
    @Test(
        "reads scheme, host and port as they will be connected to",
        arguments: [
            ("http://example.com", "http", "example.com", 80),
            ("HTTPS://EXAMPLE.com:8443/x?y#z", "https", "example.com", 8443),
            ("http://[::1]:8080/", "http", "::1", 8080),
            ("http://user:pw@example.com/@evil.example", "http", "example.com", 80),
            ("http://%6cocalhost/", "http", "localhost", 80), ("http://127.1/", "http", "127.0.0.1", 80),
        ])
    func reads(_ text: String, _ scheme: String, _ host: String, _ port: Int) throws {
        let url = try WebURL(text)
        #expect(url.scheme == scheme)
        #expect(url.host == host)
        #expect(url.port == port)
    }

    @Test(
        "refuses what is not an http address",
        arguments: [
            "", "example.com", "/path", "ftp://example.com/", "file:///etc/passwd", "gopher://x/", "http://",
            "http://user:pw@example.com@evil.example/",
            "http://exa mple.com/", "http://example.com/\r\nX: y", "http://example.com:99999/", "http://example.com:x/",
            "javascript:alert(1)", "http://example.com/\u{0}",
        ])
    func refuses(_ text: String) {
        #expect(throws: WebError.self) { try WebURL(text) }
    }

    @Test("keeps credentials out of its text, and decodes them")
    func credentials() throws {
        let url = try WebURL("https://robot%2Bci:p%40ss@example.com/a?b=c#d")
        #expect(url.text == "https://example.com/a?b=c")
        #expect(url.credentials == WebURL.Credentials(user: "robot+ci", password: "p@ss"))
        #expect(try WebURL("https://example.com/").credentials == nil)
    }

    @Test(
        "resolves a Location like a browser",
        arguments: [
            ("/x", "http://a.example/x"), ("x", "http://a.example/one/x"), ("../x", "http://a.example/x"),
            ("//b.example/x", "http://b.example/x"), ("https://b.example/", "https://b.example/"),
            ("?q=1", "http://a.example/one/two?q=1"),
        ])
    func resolves(_ location: String, _ expected: String) throws {
        #expect(try WebURL("http://a.example/one/two").resolving(location).text == expected)
    }

    @Test("a redirect never leaves http", arguments: ["file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "dict://x/"])
    func staysWithHTTP(_ location: String) throws {
        let base = try WebURL("http://a.example/")
        #expect(throws: WebError.self) { try base.resolving(location) }
    }
}

@Suite("Headers") struct WebHeadersTests {
    @Test("are compared without case and may stand several times")
    func lookup() {
        var headers: WebHeaders = ["Link": "a", "X-Other": "o"]
        headers.add("link", "b")
        #expect(headers["LINK"] == "a")
        #expect(headers.values(of: "Link") == ["a", "b"])
        headers["lInK"] = "c"
        #expect(headers.values(of: "link") == ["c"])
        headers["Link"] = nil
        #expect(headers.fields.map(\.name) == ["X-Other"])
    }

    @Test(
        "refuse what would end the line",
        arguments: [
            ("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\u{0}b"), ("X\r\nY", "a"), ("", "a"), ("X Y", "a"), ("X:", "a"),
            ("é", "a"),
        ])
    func injection(_ name: String, _ value: String) {
        var headers = WebHeaders()
        headers.add(name, value)
        #expect(headers.problem != nil)
    }
}
