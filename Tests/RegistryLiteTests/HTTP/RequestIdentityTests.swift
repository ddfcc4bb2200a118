import Domain
import RegistryCore
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Names and senders of requests") struct RequestIdentityTests {
    private static func behindProxy() async throws -> SiteFixture {
        let loopback = TrustedProxies([try CIDR("127.0.0.0/8")])
        return try await SiteFixture { $0.trustedProxies = loopback }
    }

    @Test("every answer carries a name of its own, whatever the answer is")
    func named() async throws {
        let site = try await SiteFixture()
        var names: Set<String> = []
        let paths = ["/v2/", "/v2/nothing/here", "/api/v1/discovery", "/api/v1/nothing", "/", "/nothing", "/livez"]
        for path in paths + ["/health/endtoend", "/metrics", "/\(String(repeating: "a", count: 9000))"] {
            let answer = try await site.send(.get, path)
            let name = try #require(answer.headers["X-Request-Id"], "\(path.prefix(20))")
            #expect(RequestIdentity.isWellFormed(name))
            #expect(site.answered.last?.id == name)
            names.insert(name)
        }
        #expect(names.count == 10)
    }

    @Test("SEC-Key/issuer trust: a stranger names neither requests nor addresses") func stranger() async throws {
        let site = try await SiteFixture()
        let headers: WebHeaders = [
            "X-Request-Id": "mine", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "gopher",
        ]
        let answer = try await site.send(.get, "/v2/", headers: headers)
        #expect(answer.headers["X-Request-Id"] != "mine")
        #expect(site.answered.last?.clientAddress == "127.0.0.1")
        #expect(answer.headers["WWW-Authenticate"]?.contains("http://registry.test/v2/auth") == true)
    }

    @Test("SEC-Key/issuer trust: a trusted proxy tells the client and the name, but never the site's address")
    func proxy() async throws {
        let site = try await Self.behindProxy()
        let headers: WebHeaders = [
            "X-Request-Id": "edge-1.a_B", "X-Forwarded-For": "198.51.100.1, 203.0.113.9",
            "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher",
        ]
        let answer = try await site.send(.get, "/v2/", headers: headers)
        #expect(answer.headers["X-Request-Id"] == "edge-1.a_B")
        #expect(site.answered.last?.clientAddress == "203.0.113.9")
        #expect(answer.headers["WWW-Authenticate"]?.contains("http://registry.test/v2/auth") == true)
    }

    @Test(
        "SEC-XSS: a name that is none is not taken over, from whomever",
        arguments: ["", "a b", "a\"b", "<b>", String(repeating: "a", count: 129), "ä"])
    func malformed(name: String) async throws {
        #expect(!RequestIdentity.isWellFormed(name))
        let site = try await Self.behindProxy()
        let answer = try await site.send(.get, "/livez", headers: ["X-Request-Id": name])
        #expect(answer.headers["X-Request-Id"] != name)
    }

    @Test("the address of the client is the usage log's") func usageLog() async throws {
        let site = try await Self.behindProxy()
        let token = try await site.token("alice")
        let answer = try await site.send(
            .post, "/api/v1/repository",
            #"{"repository":"app","namespace":"alice","visibility":"private","description":""}"#,
            headers: [
                "Authorization": "Bearer \(token)", "X-Forwarded-For": "203.0.113.9",
                "Content-Type": "application/json",
            ])
        #expect(answer.status == 201, "\(answer.text)")
        #expect(site.answered.last?.route == "/api/v1/repository")
        #expect(site.answered.last?.caller?.name == "alice")
        #expect(site.answered.last?.clientAddress == "203.0.113.9")
    }

    @Test("SEC-Secrets shown to readers: what is said of a request holds no query, header or path with a secret")
    func secrets() async throws {
        let site = try await SiteFixture()
        let secret = "s3cr3t"
        let requests: [(WebRequest.Method, String)] = [
            (.get, "/userfiles/x?signature=\(secret)"), (.put, "/userfiles/x?signature=\(secret)"),
            (.get, "/v2/auth?account=\(secret)&service=x"), (.get, "/oauth/authorize?code=\(secret)"),
            (.get, "/confirm?code=\(secret)"), (.get, "/api/v1/\(secret)"), (.get, "/\(secret)"),
            (.post, "/webhooks/push/trigger/\(secret)"),
        ]
        for (method, path) in requests {
            let headers: WebHeaders = [
                "Authorization": "Bearer \(secret)", "Cookie": "_csrf_token=\(secret)", "User-Agent": secret,
            ]
            _ = try await site.send(method, path, headers: headers)
            let said = try #require(site.answered.last)
            #expect(!"\(said)".contains(secret), "\(said)")
        }
    }
}
