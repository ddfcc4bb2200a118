/// A host name or address with an optional port, as `SERVER_HOSTNAME` and its like are written.
package struct HostAndPort: Sendable, Hashable {
    /// Without the port; an IPv6 address stands in brackets.
    package let host: String
    package let port: Int?

    /// Nil unless `text` is `host`, `host:port`, `[v6]` or `[v6]:port`: no scheme, no path, no blanks, port 1 to 65535.
    package init?(_ text: String) {
        let host: Substring
        let rest: Substring
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[...end]
            rest = text[text.index(after: end)...]
            guard host.dropFirst().dropLast().allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }), host.count > 3
            else { return nil }
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
            guard !host.isEmpty, host.utf8.count <= 253, host.allSatisfy(Self.isHostCharacter),
                host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy({
                    !$0.isEmpty && $0.count <= 63
                })
            else { return nil }
        }
        self.host = String(host)
        guard !rest.isEmpty else {
            port = nil
            return
        }
        guard rest.first == ":", rest.count <= 6, rest.dropFirst().allSatisfy({ $0.isASCII && $0.isNumber }),
            let port = Int(rest.dropFirst()), (1...65_535).contains(port)
        else { return nil }
        self.port = port
    }

    private static func isHostCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-._".contains(character))
    }
}
