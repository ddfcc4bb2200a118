import Glibc

/// Which addresses requests may be sent to.
///
/// The rule is pure; ``WebClient`` applies it to each address that is really connected to, so no spelling of a name,
/// no redirect and no change of a DNS answer gets around it.
/// Source: IANA special-purpose address registries; RFC 4291, 4380, 6052, 6890, 8215.
package enum AddressPolicy: Sendable, Hashable {
    /// Traffic to hosts that the operator named.
    case any
    /// Traffic to hosts that a user named: only addresses of the public internet, and the networks excepted here.
    case publicOnly(except: [CIDR])

    /// Says why nothing may be sent to `address`, or `nil` when it is allowed.
    package func refusal(of address: IPAddress) -> String? {
        guard case .publicOnly(let exceptions) = self else { return nil }
        // An IPv4 address in IPv6 clothes reaches the IPv4 address, so that is what the exceptions are about.
        if case .v6(0, let low) = address, low >> 32 == 0xFFFF {
            return refusal(of: .v4(UInt32(truncatingIfNeeded: low)))
        }
        if exceptions.contains(where: { $0.contains(address) }) { return nil }
        if let rule = Self.special.first(where: { $0.network.contains(address) }) { return rule.name }
        switch address {
        case .v4:
            return nil
        case .v6(let high, let low):
            // 64:ff9b::/96 and 2002::/16 lead to the IPv4 address that stands inside.
            if high == 0x0064_FF9B_0000_0000, low >> 32 == 0 {
                return refusal(of: .v4(UInt32(truncatingIfNeeded: low)))
            }
            if high >> 48 == 0x2002 { return refusal(of: .v4(UInt32(truncatingIfNeeded: high >> 16))) }
            // Fail closed: only 2000::/3 has been given out as global unicast.
            return high >> 61 == 0b001 ? nil : "a reserved address"
        }
    }

    /// Tells whether a host, as somebody wrote it into a URL, names a refused address without any look-up:
    /// `localhost` and names below it, and every spelling of an address that a resolver accepts
    /// (`127.1`, `0x7f.1`, `2130706433`, `0177.0.0.1`, `[::1]`), with or without a dot at the end.
    ///
    /// For an early, friendly answer only. What it lets through is still judged by address when it is connected to.
    package func refusesLiterally(_ host: String) -> Bool {
        var name = host.lowercased()
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        if let zone = name.firstIndex(of: "%") { name = String(name[..<zone]) }
        while name.hasSuffix(".") { name.removeLast() }
        if name == "localhost" || name.hasSuffix(".localhost") || name == "localhost.localdomain" {
            return refusal(of: .v4(0x7F00_0001)) != nil
        }
        if let address = IPAddress(name) { return refusal(of: address) != nil }
        var address = in_addr()
        guard let last = name.last, last.isASCII, inet_aton(name, &address) == 1 else { return false }
        return refusal(of: .v4(UInt32(bigEndian: address.s_addr))) != nil
    }

    /// Networks that are not the public internet, with the words for the error.
    private static let special: [(network: CIDR, name: String)] = [
        ("0.0.0.0/8", "an unspecified address"), ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a carrier-grade NAT address"), ("127.0.0.0/8", "a loopback address"),
        ("168.63.129.16/32", "a cloud metadata address"), ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"), ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "a documentation address"), ("192.88.99.0/24", "a relay address"),
        ("192.168.0.0/16", "a private address"), ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", "a documentation address"), ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"), ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "an unspecified address"), ("::1/128", "a loopback address"), ("::/96", "a reserved address"),
        ("64:ff9b:1::/48", "a local translation address"), ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "a documentation address"), ("3fff::/20", "a documentation address"),
        ("fc00::/7", "a private address"), ("fe80::/10", "a link-local address"), ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
    ].map { text, name in
        do { return (try CIDR(text), name) } catch { preconditionFailure("\(error)") }
    }
}
