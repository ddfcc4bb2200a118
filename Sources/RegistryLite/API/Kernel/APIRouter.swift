import HTTPTypes

/// Finds the route of a request. A repository's name may hold slashes, so a path is matched from both of its ends.
struct APIRouter: Sendable {
    enum Match: Sendable {
        case found(APIRoute, [String: String])
        /// The path exists with other methods.
        case otherMethods([HTTPRequest.Method])
        case nothing
    }

    private struct Entry: Sendable {
        let pattern: [Segment]
        let route: APIRoute
        /// More literal segments win: `/repository/a/b/tag` is the tag list of `a/b` before the repository `a/b/tag`.
        let rank: Int
    }

    private enum Segment: Sendable, Hashable {
        case literal(String)
        case parameter(String)
        case repository
    }

    private let entries: [Entry]

    init(_ routes: [APIRoute]) {
        entries = routes.map { route in
            let pattern = route.path.split(separator: "/").map { part -> Segment in
                guard part.hasPrefix("{"), part.hasSuffix("}") else { return .literal(String(part)) }
                let name = String(part.dropFirst().dropLast())
                return name == "repository" ? .repository : .parameter(name)
            }
            let literals = pattern.count { if case .literal = $0 { true } else { false } }
            return Entry(pattern: pattern, route: route, rank: literals * 100 + pattern.count)
        }.sorted { $0.rank > $1.rank }
    }

    /// - Parameter path: percent-decoded, without the query; a slash at its end does not matter.
    func match(_ method: HTTPRequest.Method, _ path: String) -> Match {
        let segments = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        var others: [HTTPRequest.Method] = []
        let wanted = method == .head ? .get : method
        for entry in entries {
            guard let values = Self.values(entry.pattern[...], segments[...]) else { continue }
            if entry.route.method == wanted { return .found(entry.route, values) }
            others.append(entry.route.method)
        }
        return others.isEmpty ? .nothing : .otherMethods(others)
    }

    private static func values(_ pattern: ArraySlice<Segment>, _ segments: ArraySlice<String>) -> [String: String]? {
        guard let repository = pattern.firstIndex(of: .repository) else { return fixed(pattern, segments) }
        let before = pattern[..<repository]
        let after = pattern[pattern.index(after: repository)...]
        let nameCount = segments.count - before.count - after.count
        guard nameCount >= 2, let first = fixed(before, segments.prefix(before.count)),
            let last = fixed(after, segments.suffix(after.count))
        else { return nil }
        let name = segments.dropFirst(before.count).prefix(nameCount).joined(separator: "/")
        return first.merging(last) { one, _ in one }.merging(["repository": name]) { one, _ in one }
    }

    private static func fixed(_ pattern: ArraySlice<Segment>, _ segments: ArraySlice<String>) -> [String: String]? {
        guard pattern.count == segments.count else { return nil }
        var values: [String: String] = [:]
        for (part, segment) in zip(pattern, segments) {
            switch part {
            case .literal(let text): guard text == segment else { return nil }
            case .parameter(let name): values[name] = segment
            case .repository: return nil
            }
        }
        return values
    }
}
