package import WebRequests

/// Whose X-Forwarded-* headers count, and what they say about a client. Source: TRUSTED_PROXIES.
///
/// Every proxy adds, at the right end of X-Forwarded-For, the address that it was called from; what stands further left may
/// have been written by anybody. So the list is read from the right, as far as proxies are trusted.
package struct TrustedProxies: Sendable, Hashable {
    /// More proxies than that stand behind each other nowhere; the rest of a list is not looked at.
    private static let longestChain = 32

    private let networks: [CIDR]

    package init(_ networks: [CIDR]) { self.networks = networks }

    package static let none = TrustedProxies([])

    /// Nobody is trusted: headers need no look.
    package var isEmpty: Bool { networks.isEmpty }

    /// Whether what the machine at `peer` says about others is believed.
    package func trusts(_ peer: String) -> Bool { Self.address(peer).map(trusts) ?? false }

    /// The address of the client itself: the rightmost one that is no trusted proxy's.
    ///
    /// What is no address ends the search: then the proxy that passed it on is all that is known.
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - forwardedFor: the X-Forwarded-For headers in their order.
    package func client(peer: String, forwardedFor: [String]) -> String {
        guard let start = Self.address(peer), trusts(start) else { return peer }
        var (known, looked) = (start, 0)
        for header in forwardedFor.reversed() {
            for entry in header.split(separator: ",", omittingEmptySubsequences: false).reversed() {
                looked += 1
                guard looked <= Self.longestChain, let address = Self.address(entry) else { return "\(known)" }
                known = address
                if !trusts(address) { return "\(known)" }
            }
        }
        return "\(known)"
    }

    private func trusts(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }

    /// An address as proxies write it: alone, in brackets, or with a port. IPv4 in IPv6 clothes is IPv4.
    private static func address(_ written: some StringProtocol) -> IPAddress? {
        var text = written.drop { $0 == " " || $0 == "\t" }[...]
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        if text.first == "[", let end = text.firstIndex(of: "]") {
            guard isPortOrNothing(text[text.index(after: end)...]) else { return nil }
            text = text[text.index(after: text.startIndex)..<end]
        } else if let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") {
            guard isPortOrNothing(text[colon...]) else { return nil }
            text = text[..<colon]
        }
        guard let address = IPAddress(String(text)) else { return nil }
        if case .v6(0, let low) = address, low >> 32 == 0xFFFF { return .v4(UInt32(truncatingIfNeeded: low)) }
        return address
    }

    private static func isPortOrNothing(_ text: some StringProtocol) -> Bool {
        text.isEmpty || (text.first == ":" && UInt16(text.dropFirst()) != nil)
    }
}
