/// What somebody asks to be built.
package struct BuildRequest: Sendable, Hashable {
    /// Where the Dockerfile and its context come from.
    package enum Source: Sendable, Hashable {
        /// A file that was uploaded through filedrop, by its id.
        case upload(String)
        /// An http or https address of an archive or a Dockerfile.
        case archive(String)
    }

    package let source: Source
    package let location: DockerfileLocation
    /// Never empty, no name twice, in the order asked for.
    package let tags: [TagName]
    /// Whose credentials the builder pulls private base images with.
    package let pullRobot: RobotName?

    package init(source: Source, location: DockerfileLocation, tags: [TagName], pullRobot: RobotName?) {
        self.source = source
        self.location = location
        self.tags = tags
        self.pullRobot = pullRobot
    }
}
