import RegistryCore
import Testing
import WebRequests

@Suite("Trusted proxies") struct TrustedProxiesTests {
    private static func proxies(_ networks: [String]) throws -> TrustedProxies {
        TrustedProxies(try networks.map { try CIDR($0) })
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let why: String
        let peer: String
        let headers: [String]
        let client: String
        var testDescription: String { why }
    }

    static let trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]

    @Test(
        "SEC-Key/issuer trust: the client is the rightmost address that is no trusted proxy's",
        arguments: [
            Case(why: "no header", peer: "10.0.0.1", headers: [], client: "10.0.0.1"),
            Case(why: "one proxy", peer: "10.0.0.1", headers: ["203.0.113.9"], client: "203.0.113.9"),
            Case(
                why: "two proxies", peer: "10.0.0.1", headers: ["203.0.113.9, 10.0.0.2"], client: "203.0.113.9"),
            Case(
                why: "a client that lies is found by what its proxy added", peer: "10.0.0.1",
                headers: ["127.0.0.1, 10.9.9.9, 203.0.113.9"], client: "203.0.113.9"),
            Case(
                why: "a client that lies in a header of its own", peer: "10.0.0.1",
                headers: ["127.0.0.1", "203.0.113.9"], client: "203.0.113.9"),
            Case(
                why: "the proxies' own network all the way", peer: "10.0.0.1", headers: ["10.0.0.3,10.0.0.2"],
                client: "10.0.0.3"),
            Case(why: "a stranger's header", peer: "203.0.113.1", headers: ["198.51.100.1"], client: "203.0.113.1"),
            Case(why: "no address", peer: "10.0.0.1", headers: ["unknown"], client: "10.0.0.1"),
            Case(
                why: "no address behind a good one", peer: "10.0.0.1", headers: ["_hidden, 10.0.0.2"],
                client: "10.0.0.2"),
            Case(why: "an empty entry", peer: "10.0.0.1", headers: ["203.0.113.9,"], client: "10.0.0.1"),
            Case(why: "an empty header", peer: "10.0.0.1", headers: [""], client: "10.0.0.1"),
            Case(why: "with a port", peer: "10.0.0.1", headers: ["203.0.113.9:4711"], client: "203.0.113.9"),
            Case(why: "with a wrong port", peer: "10.0.0.1", headers: ["203.0.113.9:99999"], client: "10.0.0.1"),
            Case(why: "IPv6", peer: "fd00::1", headers: ["2001:db8::9"], client: "2001:db8::9"),
            Case(why: "IPv6 in brackets", peer: "fd00::1", headers: ["[2001:db8::9]:443"], client: "2001:db8::9"),
            Case(why: "an open bracket", peer: "fd00::1", headers: ["[2001:db8::9"], client: "fd00::1"),
            Case(
                why: "IPv4 in IPv6 clothes", peer: "::ffff:10.0.0.1", headers: ["::ffff:203.0.113.9"],
                client: "203.0.113.9"),
            Case(why: "a single address", peer: "192.0.2.7", headers: ["203.0.113.9"], client: "203.0.113.9"),
            Case(why: "its neighbour", peer: "192.0.2.8", headers: ["203.0.113.9"], client: "192.0.2.8"),
            Case(why: "blanks and tabs", peer: "10.0.0.1", headers: [" \t203.0.113.9\t "], client: "203.0.113.9"),
            Case(
                why: "octal is no address", peer: "10.0.0.1", headers: ["0313.0.113.9"], client: "10.0.0.1"),
            Case(
                why: "a long chain is not followed", peer: "10.0.0.1",
                headers: [
                    "203.0.113.9, " + Array(repeating: "10.0.0.2", count: 1000).joined(separator: ",")
                ],
                client: "10.0.0.2"),
        ])
    func client(_ example: Case) throws {
        let found = try Self.proxies(Self.trusted).client(peer: example.peer, forwardedFor: example.headers)
        #expect(found == example.client)
    }

    @Test("without trusted proxies nobody is believed") func none() {
        #expect(TrustedProxies.none.isEmpty)
        #expect(!TrustedProxies.none.trusts("127.0.0.1"))
        #expect(TrustedProxies.none.client(peer: "127.0.0.1", forwardedFor: ["203.0.113.9"]) == "127.0.0.1")
    }
}
