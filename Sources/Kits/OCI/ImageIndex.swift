/// Manifests under one name, most often one image per platform. OCI index, or Docker's manifest list.
package struct ImageIndex: Sendable, Hashable {
    package let manifests: [Descriptor]
    package let artifactType: String?

    init(_ members: JSONMembers) throws(Manifest.Malformed) {
        manifests = try members.descriptors("manifests")
        artifactType = try members.artifactTypeIfAny()
    }
}
