/// What a manifest says of something else that is stored: type, digest and size. Source: OCI image spec, descriptor.
package struct Descriptor: Sendable, Hashable {
    package let mediaType: MediaType
    package let digest: Digest
    /// Bytes; never negative.
    package let size: Int64
    package let artifactType: String?
    package let annotations: [String: String]
    package let urls: [String]
    package let platform: Platform?

    /// What an entry of an index runs on.
    package struct Platform: Sendable, Hashable {
        package let architecture: String
        package let os: String
        package let variant: String?

        package init(architecture: String, os: String, variant: String? = nil) {
            self.architecture = architecture
            self.os = os
            self.variant = variant
        }
    }

    package init(
        mediaType: MediaType, digest: Digest, size: Int64, artifactType: String? = nil,
        annotations: [String: String] = [:], urls: [String] = [], platform: Platform? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.artifactType = artifactType
        self.annotations = annotations
        self.urls = urls
        self.platform = platform
    }

    init(_ members: JSONMembers) throws(Manifest.Malformed) {
        mediaType = try members.mediaType("mediaType")
        do { digest = try Digest(members.text("digest")) } catch let error as Manifest.Malformed {
            throw error
        } catch { throw members.failure("digest", "is not a digest that this registry accepts") }
        guard let size = members.value("size")?.integer, size >= 0 else {
            throw members.failure("size", "must be a whole number of bytes")
        }
        self.size = size
        artifactType = try members.artifactTypeIfAny()
        annotations = try members.texts("annotations")
        urls = try members.textList("urls")
        platform = try members.membersIfAny("platform").map { members throws(Manifest.Malformed) in
            Platform(
                architecture: try members.text("architecture"), os: try members.text("os"),
                variant: try members.textIfAny("variant"))
        }
    }
}
