/// What a build was asked to do, as its row keeps it. Coding keys are the keys of Quay's `job_config`. Source: Quay 6.1.
package struct BuildJobConfig: Sendable, Hashable, Codable {
    package let dockerTags: [String]
    /// SERVER_HOSTNAME at the time of the request.
    package let registry: String
    /// The Dockerfile's path in the source.
    package let dockerfilePath: String
    package let context: String
    package let isManual: Bool
    package let manualUser: String?
    package let archiveURL: String?

    package init(
        dockerTags: [String], registry: String, dockerfilePath: String, context: String, isManual: Bool,
        manualUser: String?, archiveURL: String?
    ) {
        self.dockerTags = dockerTags
        self.registry = registry
        self.dockerfilePath = dockerfilePath
        self.context = context
        self.isManual = isManual
        self.manualUser = manualUser
        self.archiveURL = archiveURL
    }

    private enum CodingKeys: String, CodingKey {
        case registry, context
        case dockerTags = "docker_tags"
        case dockerfilePath = "build_subdir"
        case isManual = "is_manual"
        case manualUser = "manual_user"
        case archiveURL = "archive_url"
    }
}
