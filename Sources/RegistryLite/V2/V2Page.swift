import Domain

/// Which part of a list a client asks for: `?n=&last=`. Source: OCI distribution 1.1, listing tags.
struct V2Page: Sendable, Hashable {
    /// How many entries a page has at most, and when nothing is asked for.
    static let maximum = 1000

    /// How many entries; zero asks for none.
    let limit: Int
    /// The entry after which the page begins; it need not exist.
    let last: String?

    /// Errors: `.invalidRequest` for an `n` that is no whole number.
    init(_ query: V2Query) throws {
        last = query["last"]
        guard let text = query["n"] else {
            limit = Self.maximum
            return
        }
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw RegistryError(.invalidRequest, "n must be a whole number.", details: ["n": String(text.prefix(64))])
        }
        // Digits that are too many for a number ask for more than a page has.
        limit = min(Int(text) ?? Self.maximum, Self.maximum)
    }

    /// The `Link` header that leads to the page after `last`. Source: RFC 8288.
    /// - Parameters:
    ///   - path: of the list, relative to the host that the client knows.
    ///   - rest: further parameters, encoded, each with its ampersand before it.
    func next(_ path: String, last: String, rest: String = "") -> String {
        "<\(path)?n=\(limit)&last=\(last)\(rest)>; rel=\"next\""
    }
}
