import Domain

/// What the path of a page stands for.
enum WebAddress: Sendable, Hashable {
    /// `/` and `/repository/`.
    case repositories
    case signIn
    case signOut
    case repository(RepositoryName)
    case build(RepositoryName, uuid: String)
    /// The build's log as plain text.
    case buildLog(RepositoryName, uuid: String)
    /// What follows `/static/`.
    case staticFile(String)

    /// Reads a path, percent-decoded and without its query; a slash at its end does not matter. Nil for no page.
    ///
    /// Names of repositories hold slashes, so a build is recognised from the right: by a uuid behind `build`.
    init?(_ path: String) {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { return nil }
        if path.hasPrefix("/static/") {
            self = .staticFile(String(path.dropFirst("/static/".count)))
            return
        }
        var segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        if segments.last == "" { segments.removeLast() }
        guard !segments.contains("") else { return nil }
        switch segments.first {
        case nil: self = .repositories
        case "signin" where segments.count == 1: self = .signIn
        case "signout" where segments.count == 1: self = .signOut
        case "repository" where segments.count == 1: self = .repositories
        case "repository":
            guard let address = Self.inRepository(segments.dropFirst()) else { return nil }
            self = address
        default: return nil
        }
    }

    private static func inRepository(_ segments: ArraySlice<String>) -> WebAddress? {
        var segments = segments
        let wantsText = segments.last == "log.txt" && segments.count >= 5
        let build = wantsText ? segments.dropLast() : segments
        if build.count >= 4, build.dropLast().last == "build", let uuid = build.last, isUUID(uuid) {
            segments = build.dropLast(2)
            return name(segments).map { wantsText ? .buildLog($0, uuid: uuid) : .build($0, uuid: uuid) }
        }
        return name(segments).map(WebAddress.repository)
    }

    private static func name(_ segments: ArraySlice<String>) -> RepositoryName? {
        // A path that no repository can have is a page that doesn't exist: the reason helps nobody.
        guard segments.count >= 2 else { return nil }
        return try? RepositoryName(segments.joined(separator: "/"))
    }

    private static func isUUID(_ text: String) -> Bool {
        text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/) != nil
    }
}
