import Domain
import Foundation

/// What a client asks to be built. Source: Quay 1.12.
enum BuildRequests {
    static let schema = BodySchema(
        "RepositoryBuildRequest",
        .optional("file_id", nullable: true, "The file id that filedrop gave"),
        .optional("archive_url", nullable: true, "The http or https address of a tar or zip archive, or a Dockerfile"),
        .optional("subdirectory", nullable: true, "The directory that holds the Dockerfile"),
        .optional("dockerfile_path", nullable: true, "The path of the Dockerfile"),
        .optional("context", nullable: true, "The directory that the build sees"),
        .optional("pull_robot", nullable: true, "The robot account to pull private base images with"),
        .optional(
            "docker_tags", .array(of: .string(), minimumCount: 1, isUnique: true),
            "The tags that the image gets; latest by default"))

    static let filedropSchema = BodySchema(
        "FileDropRequest", .required("mimeType", .string(), "The media type of the file that will be uploaded"))

    /// More tags than these are no request but a mistake.
    private static let maximumTags = 100

    /// Reads a body that the schema has let through.
    ///
    /// Errors: `.invalidRequest` for what no build can be made of; `.notFound` for a robot that can't exist.
    static func build(_ body: JSONValue) throws -> BuildRequest {
        BuildRequest(
            source: try source(body), location: try location(body), tags: try tags(body),
            pullRobot: try body["pull_robot"]?.string.map(robot))
    }

    private static func source(_ body: JSONValue) throws -> BuildRequest.Source {
        if let file = body["file_id"]?.string, !file.isEmpty {
            guard file.utf8.count <= 64 else { throw RegistryError(.invalidRequest, "Invalid file_id") }
            return .upload(file)
        }
        guard let text = body["archive_url"]?.string, !text.isEmpty else {
            throw RegistryError(.invalidRequest, "File ID or Archive URL required")
        }
        guard text.utf8.count <= 2048, text.hasPrefix("http://") || text.hasPrefix("https://"),
            let url = URL(string: text), let host = url.host(), !host.isEmpty
        else { throw RegistryError(.invalidRequest, "Archive URL must be http or https") }
        return .archive(text)
    }

    private static func location(_ body: JSONValue) throws -> DockerfileLocation {
        do {
            return try DockerfileLocation(
                dockerfilePath: body["dockerfile_path"]?.string, subdirectory: body["subdirectory"]?.string,
                context: body["context"]?.string)
        } catch { throw RegistryError(.invalidRequest, error.message) }
    }

    private static func tags(_ body: JSONValue) throws -> [TagName] {
        guard let names = body["docker_tags"]?.array else { return [TagName(escaping: "latest")] }
        guard names.count <= maximumTags else {
            throw RegistryError(.invalidRequest, "A build can have \(maximumTags) tags at most.")
        }
        return try names.map { try TagName($0.string ?? "") }
    }

    private static func robot(_ name: String) throws -> RobotName {
        do { return try RobotName(name) } catch {
            throw RegistryError(.notFound, "Could not find robot with username: \(name.prefix(64))")
        }
    }
}
