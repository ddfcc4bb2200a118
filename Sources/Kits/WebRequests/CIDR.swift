/// A network in CIDR notation, such as `10.0.0.0/8` or `fd00::/8`.
///
/// A bare address is the network of that one address. IPv4 networks never contain IPv6 addresses, or the reverse.
package struct CIDR: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Hashable, CustomStringConvertible {
        package let text: String
        package var description: String {
            "“\(text)” is not a network: write an address and a prefix length, like 10.0.0.0/8 or fd00::/8."
        }
    }

    package let address: IPAddress
    /// The number of leading bits that count: 0…32 or 0…128.
    package let prefixLength: Int

    /// Reads `address/bits`. Bits of the address beyond the prefix are allowed and don't count.
    package init(_ text: String) throws(Malformed) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)), parts.count <= 2 else {
            throw Malformed(text: text)
        }
        self.address = address
        guard parts.count == 2 else {
            prefixLength = address.width
            return
        }
        guard parts[1].count <= 3, parts[1].allSatisfy({ $0.isASCII && $0.isNumber }),
            let length = Int(parts[1]), length <= address.width
        else { throw Malformed(text: text) }
        prefixLength = length
    }

    package func contains(_ other: IPAddress) -> Bool {
        switch (address, other) {
        case (.v4(let mine), .v4(let theirs)):
            // A shift by the whole width or more is zero in Swift, which is what a prefix of nothing means.
            (mine ^ theirs) >> (32 - prefixLength) == 0
        case (.v6(let high, let low), .v6(let otherHigh, let otherLow)):
            prefixLength <= 64
                ? (high ^ otherHigh) >> (64 - prefixLength) == 0
                : high == otherHigh && (low ^ otherLow) >> (128 - prefixLength) == 0
        default:
            false
        }
    }

    package var description: String { "\(address)/\(prefixLength)" }
}
