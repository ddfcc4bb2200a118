import Testing

@testable import WebRequests

@Suite("Address policy") struct AddressPolicyTests {
    private let guarded = AddressPolicy.publicOnly(except: [])

    @Test(
        "SEC-SSRF: refuses every address that is not of the public internet",
        arguments: [
            "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
            "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255",
            "192.0.0.192", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
            "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
            "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
            "3fff::1", "100::1", "4000::1", "::2",
            // IPv4 in IPv6 clothes: mapped, compatible, NAT64, 6to4, Teredo
            "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "::127.0.0.1", "::8.8.8.8",
            "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::", "2002:a9fe:a9fe::1",
            "2002:c0a8:101::", "2001:0:7f00:1::", "2001:0:808:808::f7f7:f7f7",
        ])
    func refuses(_ text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(guarded.refusal(of: address) != nil)
        #expect(AddressPolicy.any.refusal(of: address) == nil)
    }

    @Test(
        "allows public addresses, also where IPv6 leads to a public IPv4 address",
        arguments: [
            "1.1.1.1", "8.8.8.8", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
            "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255",
            "198.20.0.0", "223.255.255.255", "168.63.129.15",
            "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
        ])
    func allows(_ text: String) throws {
        #expect(guarded.refusal(of: try #require(IPAddress(text))) == nil)
    }

    @Test("an exception opens its network and nothing beside it")
    func exceptions() throws {
        let policy = AddressPolicy.publicOnly(except: [try CIDR("10.1.0.0/16"), try CIDR("fd00:1::/32")])
        for allowed in ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00:1::5", "8.8.8.8"] {
            #expect(policy.refusal(of: try #require(IPAddress(allowed))) == nil, "\(allowed)")
        }
        for refused in ["10.2.0.0", "10.0.255.255", "127.0.0.1", "::ffff:10.2.0.1", "fd00:2::5"] {
            #expect(policy.refusal(of: try #require(IPAddress(refused))) != nil, "\(refused)")
        }
    }

    @Test(
        "SEC-SSRF: refuses every way to write a loopback or private host",
        arguments: [
            "127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001", "0x7F.0x0.0x0.0x1", "2130706433", "0177.0.0.1",
            "017700000001", "127.0.0.1.", "[::1]", "::1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1%25eth0]",
            "localhost", "LOCALHOST", "localhost.", "LocalHost..", "db.localhost", "a.b.localhost.", "0", "0.0.0.0",
            "10.1", "192.168.1", "169.254.169.254", "2852039166", "0xa9fea9fe", "[fd00:ec2::254]",
        ])
    func refusesLiterally(_ host: String) {
        #expect(guarded.refusesLiterally(host))
        #expect(!AddressPolicy.any.refusesLiterally(host))
    }

    @Test(
        "leaves names and public addresses to the check at connection time",
        arguments: [
            "example.com", "localhost.example.com", "notlocalhost", "8.8.8.8", "134744072", "[2606:4700::1]", "", ".",
        ])
    func leavesToLater(_ host: String) {
        #expect(!guarded.refusesLiterally(host))
    }

    @Test("exceptions hold for literal hosts too")
    func literalExceptions() throws {
        let policy = AddressPolicy.publicOnly(except: [try CIDR("127.0.0.0/8")])
        #expect(!policy.refusesLiterally("localhost"))
        #expect(!policy.refusesLiterally("127.1"))
        #expect(policy.refusesLiterally("10.1"))
    }
}

@Suite("CIDR") struct CIDRTests {
    @Test(
        "reads and writes networks",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.1", "10.0.0.1/32"), ("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0"),
            ("fd00::/8", "fd00::/8"), ("2001:DB8::1", "2001:db8::1/128"),
        ])
    func reads(_ text: String, _ written: String) throws {
        #expect(try CIDR(text).description == written)
    }

    @Test(
        "refuses what is not a network",
        arguments: [
            "", "/", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10/8", "::/129",
            "fe80::1%eth0/64",
            "010.0.0.0/8", "example.com/8", " 10.0.0.0/8", "10.0.0.0/8 ", "10.0.0.0/٨",
        ])
    func refuses(_ text: String) {
        #expect(throws: CIDR.Malformed.self) { try CIDR(text) }
    }

    @Test(
        "contains exactly the addresses that share the prefix",
        arguments: [
            ("0.0.0.0/0", "255.1.2.3", true), ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.1", "10.0.0.1", true), ("10.0.0.1", "10.0.0.0", false), ("10.0.0.0/8", "::ffff:10.0.0.1", false),
            ("::/0", "ff::1", true), ("::/0", "1.2.3.4", false), ("fd00::/64", "fd00::ffff:0:0:1", true),
            ("fd00::/65", "fd00::7fff:0:0:1", true), ("fd00::/65", "fd00::8000:0:0:1", false),
            ("fd00::1/128", "fd00::1", true), ("fd00::1/128", "fd00::2", false),
        ])
    func contains(_ network: String, _ address: String, _ expected: Bool) throws {
        #expect(try CIDR(network).contains(try #require(IPAddress(address))) == expected)
    }
}
