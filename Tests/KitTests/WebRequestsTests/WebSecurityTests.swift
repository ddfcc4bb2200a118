import Foundation
import Glibc
import TestSupport
import Testing

@testable import WebRequests

/// The server listens on every loopback address; these tests may reach 127.0.0.2 and nothing else.
@Suite("Web client on guard", .timeLimit(.minutes(2))) struct WebSecurityTests {
    private static let shared = Task { try await TestWebServer() }
    private let guarded: WebClient

    init() throws { guarded = WebClient(addresses: .publicOnly(except: [try CIDR("127.0.0.2")])) }

    @Test("reaches an excepted address")
    func exception() async throws {
        let server = try await Self.shared.value
        let response = try await guarded.send(WebRequest(.get, server.url("/status?code=200", host: "127.0.0.2")))
        #expect(response.status == 200)
    }

    @Test(
        "SEC-SSRF: refuses loopback and private targets in every spelling",
        arguments: [
            "127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "localhost", "a.localhost",
            "0",
        ])
    func spellings(_ host: String) async throws {
        let server = try await Self.shared.value
        let error = await #expect(throws: WebError.self) {
            try await guarded.send(WebRequest(.get, server.url("/status?code=298", host: host)))
        }
        guard case .refused = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!server.process.printed.contains("code=298"))
    }

    @Test(
        "SEC-SSRF: judges the address that is connected to, whatever the name promised",
        arguments: ["localhost", "127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"])
    func connectionTime(_ host: String) async throws {
        // Straight to the loop, past the early check of the written host: what a rebinding DNS server achieves.
        let server = try await Self.shared.value
        let loop = TransferLoop()
        let plan = TransferPlan(
            url: try WebURL(server.url("/status?code=297", host: host)), method: .get, headers: [:], body: .none,
            timeouts: .init(), maximumBodyBytes: nil, addresses: .publicOnly(except: []),
            trust: try TransferPlan.Trust(.system), userAgent: "test")
        let error = await #expect(throws: WebError.self) { try await loop.start(plan).head() }
        guard case .refused(_, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("loopback") || reason.contains("link-local") || reason.contains("private"))
        #expect(!server.process.printed.contains("code=297"))
    }

    @Test(
        "SEC-SSRF: judges each redirect anew",
        arguments: ["127.0.0.1", "localhost", "127.0.0.3", "[::1]", "0x7f000001"], [301, 302, 303, 307, 308])
    func redirects(_ host: String, _ code: Int) async throws {
        let server = try await Self.shared.value
        let target = server.url("/status?code=296", host: host)
        let request = WebRequest(
            .get, server.url("/redirect?code=\(code)&to=\(Self.escape(target))", host: "127.0.0.2"))
        let error = await #expect(throws: WebError.self) { try await guarded.send(request) }
        guard case .refused = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!server.process.printed.contains("/status?code=296 to"))
    }

    @Test(
        "SEC-SSRF: a redirect to another protocol is not followed",
        arguments: ["file:///etc/passwd", "gopher://127.0.0.2:1/_x", "ftp://127.0.0.2/"])
    func protocols(_ target: String) async throws {
        let server = try await Self.shared.value
        let request = WebRequest(.get, server.url("/redirect?to=\(Self.escape(target))", host: "127.0.0.2"))
        await #expect(throws: WebError.self) { try await guarded.send(request) }
    }

    @Test("SEC-SSRF: a proxy of the environment is for operator traffic only")
    func proxy() async throws {
        let proxy = try await TestWebServer()
        // Nobody listens on the target, but a proxy would answer. Other tests' addresses stay direct.
        let target = "127.0.0.3:\(try FreePort.find())"
        setenv("no_proxy", "127.0.0.1,127.0.0.2,localhost", 1)
        setenv("http_proxy", "http://127.0.0.1:\(proxy.port)", 1)
        defer { unsetenv("http_proxy") }
        let request = WebRequest(.get, "http://\(target)/status?code=200")
        let exempt = WebClient(addresses: .publicOnly(except: [try CIDR("127.0.0.0/8")]))
        await #expect(throws: WebError.unreachable(host: "127.0.0.3", reason: "Connection refused")) {
            try await exempt.send(request)
        }
        #expect(!proxy.process.printed.contains(target))
        // The same request of the operator goes through it: the test would notice a proxy.
        #expect(try await WebClient(addresses: .any).send(request).status == 200)
        _ = try await proxy.process.line(containing: target)
    }

    @Test("SEC-Upstream credential theft: another server gets neither authorization nor unknown headers")
    func crossOrigin() async throws {
        let server = try await Self.shared.value
        let client = WebClient(addresses: .any)
        let headers: WebHeaders = [
            "Authorization": "Bearer secret", "Cookie": "secret", "Private-Token": "secret", "Accept": "text/plain",
        ]
        for (host, isSame) in [("127.0.0.1", true), ("127.0.0.2", false)] {
            let target = Self.escape(server.url("/echo", host: host))
            let request = WebRequest(.get, server.url("/redirect?to=\(target)"), headers: headers)
            let answer = try await client.send(request)
            #expect(answer.head.url.host == host)
            #expect(answer.text.contains("secret") == isSame)
            #expect(answer.text.contains("text/plain"))
        }
    }

    @Test(
        "a redirected POST becomes GET or stays POST, as HTTP has it",
        arguments: [(302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
    func methods(_ code: Int, _ method: String) async throws {
        let server = try await Self.shared.value
        let request = WebRequest(
            .post, server.url("/redirect?code=\(code)&to=/echo", host: "127.0.0.2"), body: .bytes([1, 2, 3]))
        let answer = try await guarded.send(request)
        #expect(answer.text.contains("\"method\": \"\(method)\""))
        #expect(answer.text.contains("\"size\": \(method == "GET" ? 0 : 3)"))
    }

    @Test("redirects are counted, and not followed where none are wanted")
    func limit() async throws {
        let server = try await Self.shared.value
        let loop = "/redirect?to=/redirect?to=/redirect?to=/status?code=200"
        var request = WebRequest(.get, server.url(loop, host: "127.0.0.2"))
        request.redirects = .follow(limit: 2)
        await #expect(throws: WebError.tooManyRedirects(limit: 2)) { try await guarded.send(request) }
        request.redirects = .follow(limit: 3)
        #expect(try await guarded.send(request).status == 200)
        request.redirects = .none
        let answer = try await guarded.send(request)
        #expect(answer.status == 302)
        #expect(answer.text == "elsewhere")
    }

    @Test("a TLS server needs a trusted certificate for its name")
    func tls() async throws {
        let certificates = try await TestCertificates(serverNames: ["DNS:localhost"])
        let server = try await TestWebServer(certificates: certificates)
        let file = TLSTrust.PEM.file(path: certificates.authority)
        let text = TLSTrust.PEM.text(try String(contentsOfFile: certificates.authority, encoding: .utf8))
        for authorities in [.only([file]), .systemAnd([text]), .only([text])] as [TLSTrust.Authorities] {
            let client = WebClient(addresses: .any, trust: TLSTrust(authorities: authorities))
            #expect(
                try await client.send(WebRequest(.get, server.url("/status?code=200", host: "localhost"))).status == 200
            )
            // Trusted, but made for another name.
            let error = await #expect(throws: WebError.self) {
                try await client.send(WebRequest(.get, server.url("/")))
            }
            #expect(error?.description.hasPrefix("No trusted TLS connection to 127.0.0.1") == true)
        }
        let stranger = WebClient(addresses: .any)
        let error = await #expect(throws: WebError.self) {
            try await stranger.send(WebRequest(.get, server.url("/", host: "localhost")))
        }
        guard case .tls = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a server may ask for a client certificate")
    func clientCertificate() async throws {
        let certificates = try await TestCertificates()
        let server = try await TestWebServer(certificates: certificates, asksForClientCertificate: true)
        var trust = TLSTrust(authorities: .only([.file(path: certificates.authority)]))
        let request = WebRequest(.get, server.url("/status?code=200"))
        let anonymous = WebClient(addresses: .any, trust: trust)
        await #expect(throws: WebError.self) { try await anonymous.send(request) }
        trust.identity = .init(
            certificate: .file(path: certificates.clientCertificate), key: .file(path: certificates.clientKey))
        #expect(try await WebClient(addresses: .any, trust: trust).send(request).status == 200)
    }

    @Test("plain text can be forbidden, and https never redirects to it")
    func plainText() async throws {
        let server = try await Self.shared.value
        let certificates = try await TestCertificates()
        let secure = try await TestWebServer(certificates: certificates)
        let trust = TLSTrust(authorities: .only([.file(path: certificates.authority)]), plainText: .refused)
        let strict = WebClient(addresses: .any, trust: trust)
        await #expect(throws: WebError.refused(host: "127.0.0.1", reason: "only https is allowed")) {
            try await strict.send(WebRequest(.get, server.url("/status?code=200")))
        }
        let lenient = WebClient(addresses: .any, trust: TLSTrust(authorities: trust.authorities))
        let request = WebRequest(.get, secure.url("/redirect?to=\(Self.escape(server.url("/status?code=295")))"))
        await #expect(throws: WebError.self) { try await lenient.send(request) }
        #expect(!server.process.printed.contains("code=295"))
    }

    private static func escape(_ url: String) -> String {
        url.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}
