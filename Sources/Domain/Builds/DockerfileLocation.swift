/// Where the Dockerfile of a build lies in its source, and which directory the build may see.
///
/// Both are paths from the source's root and begin with a slash. Source: Quay 1.12, file resolution; guide 7.3.3.
package struct DockerfileLocation: Sendable, Hashable {
    /// A path that leaves the source, or holds characters that no path has.
    package struct Malformed: Error, Sendable, Hashable {
        package let field: String
        package var message: String { "\(field) must be a path inside the build source, without '..'." }
    }

    package let dockerfile: String
    package let context: String

    /// Takes what a request gave, each part optional.
    ///
    /// `dockerfilePath` wins over `subdirectory`; its directory is the context unless one is given. `subdirectory` is the
    /// context and holds the Dockerfile. A context alone holds the Dockerfile; nothing at all means the root.
    package init(dockerfilePath: String?, subdirectory: String?, context: String?) throws(Malformed) {
        if let dockerfilePath {
            self.dockerfile = try Self.normalize(dockerfilePath, "dockerfile_path")
            self.context =
                try context.map { path throws(Malformed) in try Self.normalize(path, "context") }
                ?? Self.directory(of: dockerfile)
        } else {
            let directory = try Self.normalize(
                subdirectory ?? context ?? "/", subdirectory == nil ? "context" : "subdirectory")
            self.context = directory
            self.dockerfile = directory == "/" ? "/Dockerfile" : "\(directory)/Dockerfile"
        }
    }

    /// Reads back what ``dockerfile`` and ``context`` held when the build was requested.
    package init(storedDockerfile: String, storedContext: String) throws(Malformed) {
        try self.init(dockerfilePath: storedDockerfile, subdirectory: nil, context: storedContext)
    }

    /// The pair that a builder gets: the context, and the Dockerfile's path seen from it.
    ///
    /// A Dockerfile that lies outside the context brings its own directory as the context instead. Source: Quay 6.6.
    package var forBuilder: (context: String, dockerfile: String) {
        let prefix = context == "/" ? "/" : context + "/"
        guard dockerfile.hasPrefix(prefix) else {
            let directory = Self.directory(of: dockerfile)
            return (directory, String(dockerfile.dropFirst(directory == "/" ? 1 : directory.count + 1)))
        }
        return (context, String(dockerfile.dropFirst(prefix.count)))
    }

    private static func normalize(_ path: String, _ field: String) throws(Malformed) -> String {
        guard path.utf8.count <= 4096, !path.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else { throw Malformed(field: field) }
        let segments = path.split(separator: "/").filter { $0 != "." }
        guard !segments.contains("..") else { throw Malformed(field: field) }
        return "/" + segments.joined(separator: "/")
    }

    private static func directory(of path: String) -> String {
        let parent = path.split(separator: "/").dropLast().joined(separator: "/")
        return "/" + parent
    }
}
