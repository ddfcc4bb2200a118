import Foundation
import HTTPTypes
import Testing

@testable import RegistryLite

@Suite("Rules of the edge") struct EdgeRuleTests {
    @Test(
        "dates are written as RFC 2822 with Quay's zone",
        arguments: [
            (0.0, "Thu, 01 Jan 1970 00:00:00 -0000"), (1_520_300_904.9, "Tue, 06 Mar 2018 01:48:24 -0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 -0000"), (-1, "Wed, 31 Dec 1969 23:59:59 -0000"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 -0000"),
        ])
    func dates(_ seconds: Double, _ text: String) {
        #expect(RFC2822.text(Date(timeIntervalSince1970: seconds)) == text)
    }

    @Test(
        "browsers are told from programs",
        arguments: [
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36", true),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", true), ("curl/8.0", false),
            ("python-requests/2.31", false), ("Mozilla/5.0 (compatible; bot/1.0)", false), (nil, false), ("", false),
        ] as [(String?, Bool)])
    func browsers(_ userAgent: String?, _ isBrowser: Bool) { #expect(BrowserRule.isBrowser(userAgent) == isBrowser) }

    @Test("query values decode, and only the words for no are false") func query() throws {
        let query = QueryValues("a=1&b=x%20y+z&c&d=false&e=0&f=no&a=2&g=%zz&=x&&h=")
        #expect(query["a"] == "1")
        #expect(query.all("a") == ["1", "2"])
        #expect(query["b"] == "x y z")
        #expect(!query.bool("c"))
        #expect(!query.bool("d"))
        #expect(!query.bool("e"))
        #expect(query.bool("f"))
        #expect(query.bool("missing", default: true))
        #expect(query["g"] == "%zz")
        #expect(try query.integer("h") == nil)
        #expect(throws: (any Error).self) { try query.integer("b") }
    }

    @Test("CORS lets everybody call without a session, or named origins with it") func cors() {
        let open = CORS(origins: []).headers(origin: "https://a.test")
        #expect(open[.accessControlAllowOrigin] == "*")
        #expect(open[.accessControlAllowCredentials] == nil)
        let named = CORS(origins: ["https://a.test"])
        #expect(named.headers(origin: "https://a.test")[.accessControlAllowCredentials] == "true")
        #expect(named.headers(origin: "https://a.test.evil")[.accessControlAllowOrigin] == nil)
        #expect(named.headers(origin: nil)[.accessControlAllowOrigin] == nil)
    }
}
