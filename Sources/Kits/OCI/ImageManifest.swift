/// One image, or an artifact in the same form: a config and layers. OCI, or Docker's schema 2.
package struct ImageManifest: Sendable, Hashable {
    package let config: Descriptor
    /// Base first. Empty for some artifacts.
    package let layers: [Descriptor]
    package let artifactType: String?

    init(_ members: JSONMembers) throws(Manifest.Malformed) {
        guard let config = try members.descriptorIfAny("config") else { throw members.failure("config", "is missing") }
        self.config = config
        layers = try members.descriptors("layers")
        artifactType = try members.artifactTypeIfAny()
    }
}
