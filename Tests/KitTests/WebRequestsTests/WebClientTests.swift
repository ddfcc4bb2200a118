import Foundation
import TestSupport
import Testing

@testable import WebRequests

@Suite("Web client", .timeLimit(.minutes(2))) struct WebClientTests {
    private static let shared = Task { try await TestWebServer() }
    private let client = WebClient(addresses: .any)

    private struct Echo: Decodable {
        let method: String
        let size: Int
        let sha256: String
        let headers: [String: String]
    }

    private func echo(_ response: WebResponse) throws -> Echo {
        try JSONDecoder().decode(Echo.self, from: Data(response.body))
    }

    @Test("answers status, body and headers, whatever the status", arguments: [200, 201, 204, 404, 500])
    func status(_ code: Int) async throws {
        let server = try await Self.shared.value
        let response = try await client.send(WebRequest(.get, server.url("/status?code=\(code)")))
        #expect(response.status == code)
        #expect(response.text == (code == 204 ? "" : "body of \(code)"))
        #expect(response.headers.values(of: "X-TWICE") == ["one", "two"])
        #expect(response.headers["x-empty"] == "")
        if code == 404 {
            let error = #expect(throws: WebError.self) { try response.requiringSuccess() }
            #expect(error?.description == "127.0.0.1 answered 404: body of 404.")
        }
    }

    @Test("HEAD has headers and no body")
    func head() async throws {
        let server = try await Self.shared.value
        let response = try await client.send(WebRequest(.head, server.url("/status?code=200")))
        #expect(response.status == 200)
        #expect(response.headers["Content-Length"] == "11")
        #expect(response.body.isEmpty)
    }

    @Test("sends method, headers and body", arguments: [WebRequest.Method.post, .put, .patch, .delete])
    func bytes(_ method: WebRequest.Method) async throws {
        let server = try await Self.shared.value
        var request = WebRequest(method, server.url("/echo"), headers: ["Content-Type": "text/plain", "X-Empty": ""])
        request.body = .bytes(Array("hello".utf8))
        request.authorize(user: "devtable", password: "pä:ss")
        let echo = try echo(try await client.send(request))
        #expect(echo.method == method.rawValue)
        #expect(echo.size == 5)
        #expect(echo.sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
        #expect(echo.headers["content-type"] == "text/plain")
        #expect(echo.headers["x-empty"] == "")
        #expect(echo.headers["content-length"] == "5")
        #expect(echo.headers["authorization"] == "Basic " + Data("devtable:pä:ss".utf8).base64EncodedString())
        #expect(echo.headers["expect"] == nil)
    }

    @Test("a POST without a body says so")
    func emptyPost() async throws {
        let server = try await Self.shared.value
        let echo = try echo(try await client.send(WebRequest(.post, server.url("/echo"))))
        #expect(echo.headers["content-length"] == "0")
        #expect(echo.headers["content-type"] == nil)
    }

    @Test("credentials in the address become Basic authorization")
    func credentials() async throws {
        let server = try await Self.shared.value
        let url = server.url("/echo").replacingOccurrences(of: "http://", with: "http://robot%2Bx:secret@")
        let echo = try echo(try await client.send(WebRequest(.get, url)))
        #expect(echo.headers["authorization"] == "Basic " + Data("robot+x:secret".utf8).base64EncodedString())
    }

    @Test("uploads a file without reading it into memory first")
    func file() async throws {
        let server = try await Self.shared.value
        let folder = try TemporaryFolder()
        try folder.write(String(repeating: "0123456789", count: 300_000), to: "blob")
        let request = WebRequest(.put, server.url("/echo"), body: .file(path: folder.path("blob")))
        let echo = try echo(try await client.send(request))
        #expect(echo.size == 3_000_000)
        let missing = WebRequest(.put, server.url("/echo"), body: .file(path: folder.path("missing")))
        await #expect(throws: WebError.self) { try await client.send(missing) }
    }

    @Test("skips interim answers")
    func interim() async throws {
        let server = try await Self.shared.value
        let response = try await client.send(WebRequest(.get, server.url("/interim")))
        #expect(response.status == 200)
        #expect(response.headers["X-Early"] == nil)
        #expect(response.text == "final")
    }

    @Test("refuses headers that would write others, before anything is sent")
    func injection() async throws {
        let server = try await Self.shared.value
        for headers in [["X": "a\r\nY: b"], ["Content-Length": "5"], ["Transfer-Encoding": "chunked"]] as [WebHeaders] {
            let request = WebRequest(.get, server.url("/status?code=299"), headers: headers)
            await #expect(throws: WebError.self) { try await client.send(request) }
        }
        #expect(!server.process.printed.contains("code=299"))
    }

    @Test("limits the body, announced or not, and the head")
    func tooLarge() async throws {
        let server = try await Self.shared.value
        for path in ["/bytes?count=5000", "/drip"] {
            var request = WebRequest(.get, server.url(path))
            request.maximumBodyBytes = 999
            await #expect(throws: WebError.tooLarge(limit: 999)) { try await client.send(request) }
        }
        await #expect(throws: WebError.tooLarge(limit: 262_144)) {
            try await client.send(WebRequest(.get, server.url("/long-head")))
        }
    }

    @Test("a broken answer is an error", arguments: ["/short", "/garbage"])
    func broken(_ path: String) async throws {
        let server = try await Self.shared.value
        let error = await #expect(throws: WebError.self) { try await client.send(WebRequest(.get, server.url(path))) }
        guard case .interrupted = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("tells a missing host from a closed port")
    func unreachable() async throws {
        let unresolved = WebRequest(.get, "http://no-such-host.invalid/")
        await #expect(throws: WebError.unresolved(host: "no-such-host.invalid")) { try await client.send(unresolved) }
        let port = try FreePort.find()
        let error = await #expect(throws: WebError.self) {
            try await client.send(WebRequest(.get, "http://127.0.0.1:\(port)/"))
        }
        #expect(error == .unreachable(host: "127.0.0.1", reason: "Connection refused"))
    }

    @Test("downloads a good answer into a file, and shows a bad one")
    func download() async throws {
        let server = try await Self.shared.value
        let folder = try TemporaryFolder()
        try folder.write("old and longer than what follows", to: "file")
        let bad = try await client.download(WebRequest(.get, server.url("/status?code=404")), to: folder.path("file"))
        #expect(bad.text == "body of 404")
        #expect(try folder.read("file") == "old and longer than what follows")
        let good = try await client.download(WebRequest(.get, server.url("/status?code=200")), to: folder.path("file"))
        #expect(good.status == 200)
        #expect(try folder.read("file") == "body of 200")
        await #expect(throws: WebError.self) {
            try await client.download(WebRequest(.get, server.url("/short")), to: folder.path("file"))
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("file")))
    }
}
