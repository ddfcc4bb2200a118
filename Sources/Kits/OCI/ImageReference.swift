/// Where an image is: registry, path, and a tag or digest, as people write it in `FROM` and in commands.
///
/// Shape: `[host[:port]/]path[:tag][@digest]`. As in Docker, the first component is a host when it has a dot or colon, an
/// upper-case letter, or is `localhost`; without one the host is docker.io, where a bare name is in `library`.
package struct ImageReference: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable {
        package let text: String
        package var message: String { "\"\(text.prefix(300))\" is not an image reference." }
    }

    /// `host` or `host:port`.
    package let registry: String
    /// The repository's full name in its registry, such as `library/busybox`.
    package let path: String
    package let tag: String?
    package let digest: Digest?

    /// Throws ``Malformed``.
    package init(_ text: String) throws(Malformed) {
        var rest = Substring(text)
        do {
            if let at = rest.firstIndex(of: "@") {
                digest = try Digest(String(rest[rest.index(after: at)...]))
                rest = rest[..<at]
            } else {
                digest = nil
            }
        } catch { throw Malformed(text: text) }
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            let tag = String(rest[rest.index(after: colon)...])
            guard Self.isTag(tag) else { throw Malformed(text: text) }
            self.tag = tag
            rest = rest[..<colon]
        } else {
            tag = nil
        }
        let (host, path) = Self.split(rest)
        guard Self.isHost(host), Self.isPath(path), !(host == Self.dockerHub && Self.isImageID(path)) else {
            throw Malformed(text: text)
        }
        registry = host
        self.path = path
    }

    package init(registry: String, path: String, tag: String? = nil, digest: Digest? = nil) throws(Malformed) {
        let text = "\(registry)/\(path)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
        let parsed = try ImageReference(text)
        guard parsed.registry == registry, parsed.path == path, parsed.tag == tag else { throw Malformed(text: text) }
        self = parsed
    }

    /// The tag to pull when nothing more exact is said: `latest`. With a digest the tag does not matter.
    package var tagOrLatest: String { tag ?? "latest" }

    /// The whole reference with nothing left out but a tag that was not given.
    package var text: String {
        "\(registry)/\(path)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }
    package var description: String { text }

    private static let dockerHub = "docker.io"

    private static func split(_ text: Substring) -> (host: String, path: String) {
        guard let slash = text.firstIndex(of: "/") else { return (dockerHub, "library/\(text)") }
        let first = text[..<slash]
        let rest = String(text[text.index(after: slash)...])
        let isHost =
            first.contains(".") || first.contains(":") || first == "localhost" || first.contains(where: \.isUppercase)
        guard isHost else { return (dockerHub, String(text)) }
        guard first == dockerHub || first == "index.docker.io" else { return (String(first), rest) }
        return (dockerHub, rest.contains("/") ? rest : "library/\(rest)")
    }

    /// Labels joined by dots, or an IPv6 address in brackets; then a port, if any.
    private static func isHost(_ text: String) -> Bool {
        guard text.utf8.count <= 255 else { return false }
        var name = Substring(text)
        if let colon = name.lastIndex(of: ":"), !name[colon...].contains("]") {
            guard UInt16(name[name.index(after: colon)...]) != nil else { return false }
            name = name[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") {
            let address = name.dropFirst().dropLast()
            return !address.isEmpty && address.allSatisfy { $0.isASCII && ($0.isHexDigit || $0 == ":") }
        }
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        }
    }

    /// Components of lower-case letters and digits in groups joined by `.`, `_`, `__` or dashes.
    private static func isPath(_ text: String) -> Bool {
        text.utf8.count <= 255
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { component in
                guard let first = component.first, let last = component.last, isLowerAlphanumeric(first),
                    isLowerAlphanumeric(last)
                else { return false }
                return component.split(whereSeparator: isSeparator).allSatisfy { $0.allSatisfy(isLowerAlphanumeric) }
                    && component.split(whereSeparator: isLowerAlphanumeric).allSatisfy { separator in
                        separator == "." || separator == "_" || separator == "__" || separator.allSatisfy { $0 == "-" }
                    }
            }
    }

    private static func isSeparator(_ character: Character) -> Bool {
        character == "." || character == "_" || character == "-"
    }

    private static func isLowerAlphanumeric(_ character: Character) -> Bool {
        ("a"..."z").contains(character) && character.isASCII || ("0"..."9").contains(character) && character.isASCII
    }

    private static func isTag(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && !text.hasPrefix(".") && !text.hasPrefix("-")
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
    }

    /// 64 hex digits alone name a local image, never one in a registry.
    private static func isImageID(_ path: String) -> Bool {
        guard path.hasPrefix("library/") else { return false }
        let name = path.dropFirst("library/".count)
        return name.utf8.count == 64 && name.allSatisfy { isLowerAlphanumeric($0) && $0.isHexDigit }
    }
}
